package main

import (
	"bytes"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vbcvault/vbcvault/vbc"
)

// refusedFile is where refused logins are kept, beside the manifests: a user is
// locked whichever of them a run is about, and doctor and dry runs, which write no
// manifest, count as well. Where a manifest lies elsewhere, there is one beside it,
// too: in a container that may be all that lasts.
const refusedFile = "refused-logins.json"

// refusedLogins is a file of refused logins. It is there only while there are
// some. Each is told by a digest that is slow to make and has its own salt, so that
// the password can't be tried out on it cheaply; what makes it, the client's secret
// among it, is nowhere in the file.
//
// Two programs that write it at the same moment may lose one entry: that costs one
// more try. The accounts of one program don't: they take turns.
type refusedLogins struct {
	path string
}

// loginsTurn is held by whoever changes a file of refused logins.
var loginsTurn sync.Mutex

// refusedEverywhere is several of them, which say the same.
type refusedEverywhere []*refusedLogins

// rememberedFor is where refused logins are kept for runs with that manifest.
func (a surroundings) rememberedFor(manifest string) (all refusedEverywhere) {
	dirs := []string{filepath.Dir(manifest)}
	if dir, err := a.stateDir(); err == nil && filepath.Clean(dir) != filepath.Clean(dirs[0]) {
		dirs = append(dirs, dir)
	}
	for _, dir := range dirs {
		all = append(all, &refusedLogins{path: filepath.Join(dir, refusedFile)})
	}
	return all
}

// Refused implements vbc.Memory: the latest of them counts.
func (all refusedEverywhere) Refused(login string) (last vbc.Refusal, ok bool, err error) {
	for _, f := range all {
		if r, there, _ := f.Refused(login); there && !r.At.Before(last.At) {
			last, ok = r, true
		}
	}
	return last, ok, nil
}

// SetRefused implements vbc.Memory. One place is enough.
func (all refusedEverywhere) SetRefused(login string, r vbc.Refusal) error {
	var failed []error
	for _, f := range all {
		if err := f.SetRefused(login, r); err != nil {
			failed = append(failed, err)
		}
	}
	if len(failed) < len(all) {
		return nil
	}
	return errors.Join(failed...)
}

// recently is how many refused logins of a user there are, with whatever passwords, and
// when the last of them is forgotten. user is as vbc.Client has it.
func (all refusedEverywhere) recently(user string) (most int, until time.Time) {
	for _, f := range all {
		entries, _, err := f.read()
		if err != nil {
			continue
		}
		n := 0
		for _, l := range entries {
			if !bytes.Equal(l.Whose, hint(user, l.Salt)) {
				continue
			}
			n++
			if end := (vbc.Refusal{At: l.At}).Until(); end.After(until) {
				until = end
			}
		}
		most = max(most, n)
	}
	return most, until
}

// Forget implements vbc.Memory.
func (all refusedEverywhere) Forget(login string) (err error) {
	for _, f := range all {
		err = errors.Join(err, f.Forget(login))
	}
	return err
}

// refusedLogin is one entry.
type refusedLogin struct {
	Salt   []byte    `json:"salt"`
	Whose  []byte    `json:"whose,omitempty"` // see hint; older programs have none
	Digest []byte    `json:"digest"`
	At     time.Time `json:"at"`
	Reason string    `json:"reason"`
	Locked bool      `json:"locked,omitempty"`
}

// slowness is how often a digest is made of a digest: about a tenth of a second.
const slowness = 300_000

func digestOf(login string, salt []byte) ([]byte, error) {
	return pbkdf2.Key(sha256.New, login, salt, slowness, sha256.Size)
}

// hint is a little about whose login it is, and nothing about its password: enough to
// tell, of most others, at once that they aren't it. An account among hundreds would
// else make a slow digest for each entry that is another's.
func hint(login string, salt []byte) []byte {
	user, _, _ := strings.Cut(login, "\x00")
	sum := sha256.Sum256(append(slices.Clone(salt), user...))
	return sum[:2]
}

// is reports whether an entry is of a login.
func (l refusedLogin) is(login string) bool {
	if len(l.Whose) > 0 && !bytes.Equal(l.Whose, hint(login, l.Salt)) {
		return false
	}
	digest, err := digestOf(login, l.Salt)
	return err == nil && subtle.ConstantTimeCompare(digest, l.Digest) == 1
}

// read returns the entries that still count. One from the future is of a clock
// that was wrong, and of no use.
func (f *refusedLogins) read() (all []refusedLogin, there bool, err error) {
	b, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	var kept []refusedLogin
	_ = json.Unmarshal(b, &kept) // else it isn't ours any more
	for _, l := range kept {
		if age := time.Since(l.At); age >= -time.Minute && age < vbc.LockLasts {
			all = append(all, l)
		}
	}
	return all, true, nil
}

// split returns the entry of a login, and the others.
func split(all []refusedLogin, login string) (its *refusedLogin, others []refusedLogin) {
	for _, l := range all {
		if l.is(login) {
			its = &l
		} else {
			others = append(others, l)
		}
	}
	return its, others
}

// Refused implements vbc.Memory.
//
//nolint:unparam // that of a database may fail
func (f *refusedLogins) Refused(login string) (vbc.Refusal, bool, error) {
	all, _, err := f.read()
	if err != nil {
		return vbc.Refusal{}, false, nil //nolint:nilerr // SetRefused will say so, should it come to that
	}
	its, _ := split(all, login)
	if its == nil {
		return vbc.Refusal{}, false, nil
	}
	return vbc.Refusal{At: its.At, Reason: its.Reason, Locked: its.Locked}, true, nil
}

// SetRefused implements vbc.Memory.
func (f *refusedLogins) SetRefused(login string, r vbc.Refusal) error {
	loginsTurn.Lock()
	defer loginsTurn.Unlock()
	all, _, err := f.read()
	if err != nil {
		return err
	}
	_, others := split(all, login)
	l := refusedLogin{Salt: make([]byte, 16), At: r.At.UTC(), Reason: r.Reason, Locked: r.Locked}
	if _, err := rand.Read(l.Salt); err != nil {
		return err
	}
	l.Whose = hint(login, l.Salt)
	if l.Digest, err = digestOf(login, l.Salt); err != nil {
		return err
	}
	return f.write(append(others, l))
}

// Forget implements vbc.Memory.
func (f *refusedLogins) Forget(login string) error {
	if _, err := os.Stat(f.path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	loginsTurn.Lock()
	defer loginsTurn.Unlock()
	all, there, err := f.read()
	if err != nil || !there {
		return err
	}
	its, others := split(all, login)
	if its == nil && len(others) > 0 {
		return nil
	}
	if len(others) > 0 {
		return f.write(others)
	}
	if err := os.Remove(f.path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// write puts the entries in the place of the file, all or none of them.
func (f *refusedLogins) write(all []refusedLogin) (err error) {
	b, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	dir := filepath.Dir(f.path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	temp, err := os.CreateTemp(dir, ".vbcvault-unfinished-") // readable for its owner only
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("write %s: %w", f.path, err), os.Remove(temp.Name()))
		}
	}()
	_, err = temp.Write(append(b, '\n'))
	if err = errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return err
	}
	return os.Rename(temp.Name(), f.path)
}
