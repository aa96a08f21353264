package notify

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gofrs/flock"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/outcome"
	"github.com/vbcvault/vbcvault/storage/ownership"
)

// MemoryFile is the file's usual name, in the state directory.
const MemoryFile = "notified.json"

// Memory is what each notifier has been told of each account. Several programs may use it
// at the same time. A nil one remembers nothing.
type Memory struct {
	path   string // of the file in which it is
	shared Shelf  // or where it is instead
}

// Remember keeps what has been told in a file, which needn't be there yet.
func Remember(path string) *Memory { return &Memory{path: path} }

// Shelf keeps a text that several machines read and write.
type Shelf interface {
	// Read is the text, "" if there is none yet.
	Read(ctx context.Context) (string, error)
	// Change puts what change makes of the text in its place, while nobody else can. On
	// return that is durable.
	Change(ctx context.Context, change func(text string) (string, error)) error
}

// RememberOn keeps what has been told where several machines find it.
func RememberOn(s Shelf) *Memory { return &Memory{shared: s} }

// answersWithin is how long a shelf may take.
const answersWithin = 30 * time.Second

// state is what one notifier has been told of one account. It names recordings and
// troubles by digests only.
type state struct {
	Run     string    `json:"run"`
	At      time.Time `json:"at"` // when that run ended
	Failing bool      `json:"failing,omitempty"`
	Said    time.Time `json:"said,omitzero"`   // when a failure was told last
	Codes   []string  `json:"codes,omitempty"` // why, in all that was told since it began
	Looked  bool      `json:"looked,omitempty"`
	Known   []string  `json:"known,omitempty"`
	Holds   []string  `json:"holds,omitempty"`
}

// mostKnown is how much is remembered where more is wrong than is read at once.
const mostKnown = 1000

// next is what a notifier will have been told after a run.
func (s *state) next(f facts, out outcome.Outcome) (n state) {
	if s != nil {
		n = *s
	}
	n.Run, n.At = out.Run, out.Ended
	if !f.settled {
		return n
	}
	if f.looked {
		var known []string
		for _, t := range f.known {
			known = append(known, t.name)
		}
		if f.full { // what isn't read now may be again, and is no news then
			known = append(known, n.Known...)
		}
		slices.Sort(known)
		n.Known = slices.Compact(known)
		n.Known = n.Known[:min(len(n.Known), mostKnown)]
		n.Looked, n.Holds = true, f.holds
	}
	if n.Failing = f.failing; !f.failing {
		n.Codes, n.Said = nil, time.Time{}
		return n
	}
	n.Codes = append(slices.Clone(n.Codes), f.codes...)
	slices.Sort(n.Codes)
	n.Codes = slices.Compact(n.Codes)
	return n
}

// isFresh reports whether a failure is to be told: it is one since this run, it has a
// cause that wasn't told since it began, or it was told a week ago.
func (s *state) isFresh(f facts, now time.Time) bool {
	return s == nil || !s.Failing || now.Sub(s.Said) >= again || s.Said.After(now) ||
		slices.ContainsFunc(f.codes, func(c string) bool { return !slices.Contains(s.Codes, c) })
}

// overtakes reports whether there is nothing to tell of a run any more: it was told, or
// a later one was. What was told by a clock that was ahead overtakes nothing: nobody
// would be told of anything until that time has come.
func (s *state) overtakes(run string, at time.Time) bool {
	return s != nil && (s.At.After(at) && !s.At.After(time.Now().Add(ahead)) || s.Run == run && s.At.Equal(at))
}

// ahead is how far the clock of another machine may be.
const ahead = 5 * time.Minute

// told is the file: by notifier, by account and job.
type told map[string]map[string]*state

type entry struct {
	notifier, account, job string
	state                  state
}

func slot(account, job string) string {
	if job == "" {
		return account
	}
	return account + " " + job // names have no spaces
}

func (all told) of(notifier, account, job string) *state { return all[notifier][slot(account, job)] }

// errBroken says that the file isn't one of ours, or isn't whole.
var errBroken = errors.New("it is damaged")

// read reads the file. One that isn't there, or that isn't ours, is nothing told.
func (m *Memory) read() (told, error) {
	if m == nil {
		return nil, nil
	}
	if m.shared != nil {
		ctx, cancel := context.WithTimeout(context.Background(), answersWithin)
		defer cancel()
		text, err := m.shared.Read(ctx)
		if err != nil {
			return nil, err
		}
		return parse("what has been told", []byte(cmp.Or(text, "{}")))
	}
	b, err := os.ReadFile(m.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return parse(m.path, b)
}

func parse(from string, text []byte) (all told, err error) {
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("read %s: %w: %w", from, errBroken, err)
	}
	return all, nil
}

// put notes what was told. On return it is on disk, unless it was there: what a later
// run has led to stays.
func (m *Memory) put(entries ...entry) (err error) {
	if m == nil || len(entries) == 0 {
		return nil
	}
	if m.shared != nil {
		return m.putShared(entries)
	}
	if err := ownership.Fit(m.path); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(m.path), 0o700); err != nil {
		return err
	}
	lock := flock.New(m.path+".lock", flock.SetPermissions(0o600))
	if err := lock.Lock(); err != nil {
		return fmt.Errorf("lock %s: %w", m.path, err)
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	all, err := m.read()
	if err != nil && !errors.Is(err, errBroken) {
		return err
	}
	return m.write(all.with(entries))
}

// putShared is put for a shelf.
func (m *Memory) putShared(entries []entry) error {
	ctx, cancel := context.WithTimeout(context.Background(), answersWithin)
	defer cancel()
	return m.shared.Change(ctx, func(text string) (string, error) {
		all, _ := parse("", []byte(cmp.Or(text, "{}"))) // of another form, it is as good as none
		b, err := json.Marshal(all.with(entries))
		return string(b), err
	})
}

// with are all with these added, but where a later run has led to something else.
func (all told) with(entries []entry) told {
	if all == nil {
		all = told{}
	}
	for _, e := range entries {
		if all[e.notifier] == nil {
			all[e.notifier] = map[string]*state{}
		}
		if s := slot(e.account, e.job); !all[e.notifier][s].overtakes(e.state.Run, e.state.At) {
			all[e.notifier][s] = &e.state
		}
	}
	return all
}

// write puts all in the place of the file, at once.
func (m *Memory) write(all told) (err error) {
	b, err := json.MarshalIndent(all, "", " ")
	if err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(m.path), ".vbcvault-unfinished-") // readable for its owner only
	if err != nil {
		return err
	}
	_, err = temp.Write(append(b, '\n'))
	if err = errors.Join(err, temp.Sync(), temp.Close()); err == nil {
		err = os.Rename(temp.Name(), m.path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", m.path, err), os.Remove(temp.Name()))
	}
	return nil
}
