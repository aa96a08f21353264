package pipeline

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize/english"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/progress"
	"github.com/vbcvault/vbcvault/pipeline/retry"
	"github.com/vbcvault/vbcvault/pipeline/spool"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// Nothing but its file name and its size ties an entry of an export to a
// recording, and no document says that names are unique, or what becomes of equal
// ones in a ZIP. So an entry is taken for a recording only where nothing else can
// be meant: among all that VBC has listed in the job's whole range, whether this
// run is about it or not, and all that the manifest knows there.

// listed is one recording that VBC has shown, as far as that takes.
type listed struct {
	id   int64 // 0 = it can't be read
	at   int64 // Unix seconds of its start; 0 = it can't be read, and may lie anywhere
	name nameSum
}

// nameSum stands for a file name, which has a caller's number in it.
type nameSum uint64

func sumOfName(name string) nameSum {
	sum := sha256.Sum256([]byte(name))
	var n nameSum
	for _, b := range sum[:8] {
		n = n<<8 | nameSum(b)
	}
	return n
}

func listedOf(r vbc.Recording) listed {
	at := int64(0)
	if r.Unreadable == "" {
		at = r.Start.Unix()
	}
	return listed{r.ID, at, sumOfName(r.FileName)}
}

// within returns those that begin in a range, and those that may.
func within(all []listed, from, to time.Time) (out []listed) {
	for _, l := range all {
		if l.at == 0 || l.at >= from.Unix() && l.at < to.Unix() {
			out = append(out, l)
		}
	}
	return out
}

// String is how the manifest keeps it.
func (l listed) String() string { return fmt.Sprintf("%d %016x", l.id, uint64(l.name)) }

func parseListed(s string) (l listed, ok bool) {
	id, name, _ := strings.Cut(s, " ")
	n, err := strconv.ParseUint(name, 16, 64)
	l.name = nameSum(n)
	if err == nil {
		l.id, err = strconv.ParseInt(id, 10, 64)
	}
	return l, err == nil
}

// census is all that may be in an export: names by recording.
type census struct {
	names map[nameSum]map[string]bool // → whose
	size  int
}

func (c *census) add(l listed) {
	who := strconv.FormatInt(l.id, 10)
	if l.id == 0 {
		who = l.String() // it counts, though nobody knows which it is
	}
	if c.names == nil {
		c.names = map[nameSum]map[string]bool{}
	}
	if c.names[l.name] == nil {
		c.names[l.name] = map[string]bool{}
	}
	if !c.names[l.name][who] {
		c.names[l.name][who] = true
		c.size++
	}
}

// takeCensus counts who may be in the exports of a slice, which an interrupted
// run may have started for a larger one.
func (x *exporter) takeCensus(ctx context.Context, f *fetched) (c census, snapshot map[int64]bool, err error) {
	for _, l := range f.listed {
		c.add(l)
	}
	from, to := f.from, f.to
	snapshot = map[int64]bool{}
	for _, j := range f.jobs {
		for _, text := range j.Listed {
			if l, ok := parseListed(text); ok {
				c.add(l)
				snapshot[l.id] = true
			}
		}
		if j.Since.Before(from) {
			from = j.Since
		}
		if j.Until.After(to) {
			to = j.Until
		}
	}
	for row, err := range x.manifest.Search(ctx, manifest.Query{Kind: f.kind, Owner: f.user, Since: from, Until: to}) {
		if err != nil {
			return c, nil, err
		}
		c.add(listedOf(row.Recording))
	}
	return c, snapshot, nil
}

// strangeError says that a ZIP holds more than VBC has listed.
type strangeError struct{ Why string }

func (e *strangeError) Error() string { return e.Why }

// packed is a recording's audio in a ZIP of the spool.
type packed struct {
	*zip.File
	in *spool.File
}

// nameIn is an entry's file name, whatever directory it is in; "" for a directory.
func nameIn(e *zip.File) string {
	if strings.HasSuffix(e.Name, "/") {
		return ""
	}
	return path.Base(strings.ReplaceAll(e.Name, `\`, "/"))
}

// match finds recordings in ZIPs: an entry goes with a recording if it alone has
// its file name, among all that may be meant, and its size. total is how many
// files VBC says that it has packed, 0 if it doesn't. The error is a
// *strangeError where a ZIP holds what nobody has listed.
func match(files []*spool.File, needed map[string]vbc.Recording, all census, total int) (map[int64]*packed, error) {
	byName := map[string]*packed{}
	entries, strangers := 0, []string{}
	for _, f := range files {
		for _, e := range f.ZIP.File {
			name := nameIn(e)
			if name == "" {
				continue
			}
			entries++
			if _, known := all.names[sumOfName(name)]; !known {
				strangers = append(strangers, name)
				continue
			}
			if _, twice := byName[name]; twice {
				byName[name] = nil
				continue
			}
			byName[name] = &packed{e, f}
		}
	}
	switch {
	case len(byName) == 0 && entries > 0:
		return nil, &spool.Unusable{Why: fmt.Sprintf("the ZIP has no file with the name of any of %s", english.Plural(len(needed), "recording", ""))}
	case len(strangers) > 0:
		return nil, &strangeError{fmt.Sprintf("the ZIP has %s that VBC hasn't listed", english.Plural(len(strangers), "file", ""))}
	case max(entries, total) > all.size:
		return nil, &strangeError{fmt.Sprintf("the ZIP has %s, but VBC has listed %s", english.Plural(max(entries, total), "file", ""), english.Plural(all.size, "recording", ""))}
	}
	found := map[int64]*packed{}
	for name, e := range byName {
		rec, wanted := needed[name]
		if wanted && e != nil && len(all.names[sumOfName(name)]) == 1 && e.UncompressedSize64 == uint64(rec.Size) {
			found[rec.ID] = e
		}
	}
	return found, nil
}

// fewSamples are tried: one that can't be had says nothing about the rest.
const fewSamples = 3

// sample has VBC send one recording of each ZIP by itself as well, one of those
// that would be confused most easily, and compares. Nothing has been taken out of
// a ZIP before.
func (x *exporter) sample(ctx context.Context, f *fetched, needed map[string]vbc.Recording) error {
	for _, file := range f.files {
		if err := x.sampleOf(ctx, file, f.entries, needed); err != nil {
			return err
		}
	}
	return nil
}

func (x *exporter) sampleOf(ctx context.Context, file *spool.File, entries map[int64]*packed, needed map[string]vbc.Recording) (err error) {
	candidates := candidatesOf(file, entries, needed)
	for _, rec := range candidates[:min(len(candidates), fewSamples)] {
		inZIP, e := contentOf(entries[rec.ID])
		if e != nil {
			err = e // transfer says so, and fetches it by itself
			continue
		}
		var direct storage.Content
		if direct, err = x.contentAtVBC(ctx, rec, &patience{}); err != nil {
			if ctx.Err() != nil || judge(err) == retry.Systemic {
				return err
			}
			continue
		}
		if direct != inZIP {
			return &spool.Unusable{Why: fmt.Sprintf("the file for %s in the ZIP differs from what VBC sends for it", rec)}
		}
		return nil
	}
	return err
}

// candidatesOf are the recordings out of a ZIP, those first of whose size there
// are most.
func candidatesOf(file *spool.File, entries map[int64]*packed, needed map[string]vbc.Recording) (out []vbc.Recording) {
	sizes := map[int64]int{}
	for _, rec := range needed {
		if e := entries[rec.ID]; e != nil && e.in == file {
			out = append(out, rec)
			sizes[rec.Size]++
		}
	}
	slices.SortFunc(out, func(a, b vbc.Recording) int {
		if n := sizes[b.Size] - sizes[a.Size]; n != 0 {
			return n
		}
		return int(a.ID - b.ID)
	})
	return out
}

// openEntry reads an entry's audio. One that is longer than its header says
// ends with an error where it should end, and match has compared that with
// what the listing declares.
func openEntry(e *packed) (*vbc.Audio, error) {
	r, err := e.Open()
	if err != nil {
		return nil, fmt.Errorf("read %q from an export: %w", e.Name, err)
	}
	return &vbc.Audio{ReadCloser: r, Length: int64(e.UncompressedSize64)}, nil
}

// contentOf reads an entry.
func contentOf(e *packed) (storage.Content, error) {
	audio, err := openEntry(e)
	if err != nil {
		return storage.Content{}, err
	}
	defer audio.Close()
	return hashed(audio)
}

// contentAtVBC has VBC send a recording's audio, and keeps nothing of it but what
// it is.
func (r *run) contentAtVBC(ctx context.Context, rec vbc.Recording, p *patience) (c storage.Content, err error) {
	err = r.attemptFor(ctx, p, vbc.RankFetch, func(_ context.Context, slot *vbc.Slot) error {
		audio, err := slot.Audio(r.work, rec)
		if err != nil {
			return err
		}
		defer audio.Close()
		r.stats.Downloads.Add(1)
		c, err = hashed(progress.Reader{Reader: audio, Count: &r.stats.Downloaded})
		return err
	})
	return c, err
}

func hashed(in io.Reader) (storage.Content, error) {
	h := sha256.New()
	n, err := io.Copy(h, in)
	return storage.Content{Size: n, SHA256: storage.Digest(h.Sum(nil))}, err
}
