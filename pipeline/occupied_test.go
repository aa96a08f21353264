package pipeline

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/dirstore"
	"github.com/vbcvault/vbcvault/storage/s3store"
	"github.com/vbcvault/vbcvault/storage/storagetest"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// The store damages an object right after it has accepted it, and this program dies
// at that very moment, or doesn't, whether it was told of the success or not; it dies
// after each other step in turn, too. The second run after that is done, and nothing damaged lies anywhere.
func TestDamagedAndKilledAtEveryStep(t *testing.T) {
	for _, to := range []string{"directory", "s3"} {
		t.Run(to, func(t *testing.T) {
			t.Parallel()
			if to == "s3" && testing.Short() {
				t.Skip("takes long with the race detector, which the same steps into a directory satisfy")
			}
			l := newLab(t, to)
			l.fill()
			if _, err := l.run(Options{Delete: true, Workers: 1}); err != nil {
				t.Fatal(err)
			}
			for _, at := range share(t, l.rots(), 3) {
				for _, dies := range []bool{true, false} {
					if at.fate == fine && !dies {
						continue // the run above
					}
					t.Run(fmt.Sprintf("%s dies %v", at, dies), func(t *testing.T) {
						t.Parallel()
						l := newLab(t, to)
						all := l.fill()
						l.endAt(at, dies)
						sum, err := l.run(Options{Delete: true, Workers: 1})
						if dies {
							l.mustHaveDied(at, sum, err)
						}
						l.nothingLost(all)
						l.reset(nil)
						if sum, err := l.run(Options{Delete: true, Workers: 1}); err != nil || !sum.Complete() {
							t.Errorf("the next run: %+v, %v", sum, err)
						}
						l.allDone(all)
						l.noLitter(all)
					})
				}
			}
		})
	}
}

// noLitter fails unless every object of the account's is whole, and under its own
// name: nothing is in the way here but what is ours.
func (l *lab) noLitter(all []vbctest.Recording) {
	l.t.Helper()
	sums, texts := map[storage.Digest]bool{}, map[string]bool{}
	for _, rec := range all {
		sums[sumOf(rec)], texts[rec.Transcript] = true, true
	}
	for o, err := range l.clean.List(context.Background(), "account=") {
		if err != nil {
			l.t.Fatal(err)
		}
		body, err := readAll(l.clean, o)
		if err != nil {
			l.t.Fatal(err)
		}
		_, base, ok := layout.ParseKey(o.Key)
		var side layout.Sidecar
		switch {
		case !ok:
			l.t.Errorf("%s is no recording's", o.Key)
		case layout.IsBeside(o.Key):
			l.t.Errorf("%s lies beside a name that is ours", o.Key)
		case layout.IsTranscript(base, o.Key):
			if !texts[string(body)] {
				l.t.Errorf("%s is damaged", o.Key)
			}
		case path.Ext(o.Key) == ".json":
			if json.Unmarshal(body, &side) != nil || !sums[side.SHA256] {
				l.t.Errorf("%s is damaged", o.Key)
			}
		case !sums[storage.SumOf(body)]:
			l.t.Errorf("%s is damaged", o.Key)
		}
	}
}

// What has the names of a recording, and isn't known to be ours, stays, even if it
// is one byte off ours. So does a whole copy of another recording, even where one of
// ours was refused before.
func TestWhatMayBeAnothersStays(t *testing.T) {
	for _, to := range []string{"directory", "s3"} {
		t.Run(to, func(t *testing.T) {
			l := newLab(t, to)
			old := l.cutoff.AddDate(-1, 0, 0).Truncate(time.Second)
			l.account.Add(vbctest.Recording{ID: 1, Start: old, Size: 4000, Transcript: "Good morning"}, vbctest.Recording{ID: 2, Start: old.Add(time.Hour), Size: 3000})
			all := l.account.Recordings()
			rec := all[0]
			audio := storage.Digest(rec.SHA256())
			theirs := map[string][]byte{
				l.stem(rec) + ".mp3":            []byte("somebody's only copy"),
				l.stem(rec) + ".json":           []byte("{}"),
				l.stem(rec) + ".transcript.txt": []byte("Good mourning"),
			}
			put := func(key string, b []byte) {
				if _, err := l.clean.Put(t.Context(), key, storage.Body{Reader: bytes.NewReader(b)}, storage.Attrs{}); err != nil {
					t.Fatal(err)
				}
			}
			for key, b := range theirs {
				put(key, b)
			}
			if sum, err := l.run(Options{Delete: true, Workers: 1}); err != nil || sum.Deleted != 2 {
				t.Errorf("%+v, %v", sum, err)
			}
			l.allDone(all)
			for key, b := range theirs {
				if got, err := readAll(l.clean, storage.Object{Key: key}); err != nil || !bytes.Equal(got, b) {
					t.Errorf("%s is %q now, %v", key, got, err)
				}
			}
			if got, err := readAll(l.clean, storage.Object{Key: layout.Beside(l.stem(rec)+".mp3", audio)}); err != nil || storage.SumOf(got) != audio {
				t.Errorf("beside: %d bytes, %v", len(got), err)
			}
		})
	}
}

// An object of ours is gone, and another manifest of the same account has stored its
// own there before we notice. That is whole, and stays; we take it for ours where it
// says the same.
func TestAnotherManifestsCopyStays(t *testing.T) {
	for _, to := range []string{"directory", "s3"} {
		t.Run(to, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, to)
			l.account.Add(vbctest.Recording{ID: 1, Start: l.cutoff.AddDate(-1, 0, 0).Truncate(time.Second), Size: 4000})
			all := l.account.Recordings()
			key := l.stem(all[0]) + ".json"
			ours := l.path
			if _, err := l.run(Options{Workers: 1}); err != nil {
				t.Fatal(err)
			}
			var eraser storage.Eraser
			switch s := l.clean.(type) {
			case *s3store.Store:
				eraser = s3store.NewEraser(s)
			case *dirstore.Store:
				eraser = dirstore.NewEraser(s)
			}
			if _, err := eraser.Erase(t.Context(), key); err != nil {
				t.Fatal(err)
			}
			l.path += "-theirs"
			if _, err := l.run(Options{Workers: 1}); err != nil {
				t.Fatal(err)
			}
			theirs, err := readAll(l.clean, storage.Object{Key: key})
			if err != nil {
				t.Fatal(err)
			}
			l.path = ours
			if sum, err := l.run(Options{Delete: true, Workers: 1}); err != nil || sum.Deleted != 1 {
				t.Errorf("%+v, %v", sum, err)
			}
			l.allDone(all)
			if now, err := readAll(l.clean, storage.Object{Key: key}); err != nil || !bytes.Equal(now, theirs) {
				t.Errorf("their metadata was replaced: %q, %v; it was %q", now, err, theirs)
			}
			l.noLitter(all)
		})
	}
}

// A name beside is known by its digits: what they aren't of was ours, and is
// replaced; what they are of, and isn't ours all the same, stays, and has the next
// name taken.
func TestNamesBeside(t *testing.T) {
	sum := storage.SumOf([]byte("ours"))
	key := "a/1.mp3"
	for name, digits := range map[string]int{"few": layout.FewDigits, "all": layout.AllDigits, "free": layout.FreeDigits} {
		k := layout.BesideBy(key, sum, digits)
		if !layout.IsBeside(k) || strings.Count(k, ".") != 1 {
			t.Errorf("%s: %s", name, k)
		}
		if got := layout.DigitsIn(k); (got == "") != (digits == layout.FreeDigits) || got != "" && !strings.HasPrefix(sum.String(), got) {
			t.Errorf("%s: %s has the digits %q", name, k, got)
		}
	}
	for _, other := range []string{key, "a/1-12.mp3", "a/1-0123456.mp3", "a/1-012345678.mp3", "a/1-GHIJKLMN.mp3"} {
		if layout.IsBeside(other) || layout.DigitsIn(other) != "" {
			t.Errorf("%s is taken for one of these names", other)
		}
	}
	l := newLab(t, "directory")
	old := l.cutoff.AddDate(-1, 0, 0).Truncate(time.Second)
	l.account.Add(vbctest.Recording{ID: 1, Start: old, Size: 4000})
	rec := l.account.Recordings()[0]
	audio := storage.Digest(rec.SHA256())
	natural := l.stem(rec) + ".mp3"
	for key, text := range map[string]string{natural: "theirs", layout.Beside(natural, audio): "ours, damaged"} {
		if _, err := l.clean.Put(t.Context(), key, storage.Body{Reader: strings.NewReader(text)}, storage.Attrs{}); err != nil {
			t.Fatal(err)
		}
	}
	if sum, err := l.run(Options{Delete: true, Workers: 1}); err != nil || sum.Deleted != 1 {
		t.Errorf("%+v, %v", sum, err)
	}
	if got, err := readAll(l.clean, storage.Object{Key: layout.Beside(natural, audio)}); err != nil || storage.SumOf(got) != audio {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := readAll(l.clean, storage.Object{Key: natural}); err != nil || string(got) != "theirs" {
		t.Errorf("%q, %v", got, err)
	}
}

// What is remembered tells our own damaged object from everything else.
func TestRecognise(t *testing.T) {
	content := func(s string) storage.Content {
		return storage.Content{Size: int64(len(s)), SHA256: storage.SumOf([]byte(s))}
	}
	put := storage.Object{Key: "k", ETag: `"e"`, VersionID: "v", Mark: "m", Content: content("whole")}
	for name, c := range map[string]struct {
		has   storage.Object
		known manifest.Refused
		ours  bool
	}{
		"another's":                     {storage.Object{ETag: `"f"`, Content: content("theirs")}, manifest.Refused{Put: put}, false},
		"the ETag":                      {storage.Object{ETag: `"e"`, Content: content("rotten")}, manifest.Refused{Put: put}, true},
		"the version":                   {storage.Object{ETag: `"f"`, VersionID: "v", Content: content("rotten")}, manifest.Refused{Put: put}, true},
		"the mark":                      {storage.Object{ETag: `"f"`, Mark: "m", Content: content("rotten")}, manifest.Refused{Put: put}, true},
		"the digest as mark":            {storage.Object{ETag: `"f"`, Mark: put.SHA256.String(), Content: content("rotten")}, manifest.Refused{Put: put}, true},
		"cut off":                       {storage.Object{ETag: `"f"`, Content: storage.Content{Size: 1, SHA256: put.SHA256}}, manifest.Refused{Put: put}, true},
		"cold, the same":                {storage.Object{ETag: `"e"`}, manifest.Refused{Put: put}, true},
		"cold, another":                 {storage.Object{ETag: `"f"`}, manifest.Refused{Put: put, Proven: true}, false},
		"another's, whole":              {storage.Object{ETag: `"f"`, Whole: true, Content: content("theirs")}, manifest.Refused{Put: put, Proven: true}, false},
		"proven once":                   {storage.Object{ETag: `"f"`, Content: content("rotten")}, manifest.Refused{Put: put, Proven: true}, true},
		"nothing known of either":       {storage.Object{Content: content("theirs")}, manifest.Refused{Put: storage.Object{Key: "k", Content: content("whole")}}, false},
		"nothing known, as it was seen": {storage.Object{Content: content("x")}, manifest.Refused{Put: storage.Object{Key: "k", Content: content("whole")}, Has: storage.Object{Content: content("x")}, Stored: true}, true},
		"perhaps only an intention":     {storage.Object{Content: content("x")}, manifest.Refused{Put: storage.Object{Key: "k", Content: content("whole")}, Has: storage.Object{Content: content("x")}}, false},
	} {
		if why := recognise(c.has, c.known); (why != "") != c.ours {
			t.Errorf("%s: known by %q, want that it is ours: %v", name, why, c.ours)
		}
	}
}

// What lies among receipts and holds and is far too long for one is damaged, as what
// is too short is: it ends no run.
func TestWhatIsTooLongEndsNoRun(t *testing.T) {
	l := newLab(t, "directory")
	l.account.Add(vbctest.Recording{ID: 1, Start: l.cutoff.AddDate(-1, 0, 0).Truncate(time.Second), Size: 4000})
	if sum, err := l.run(Options{Delete: true, Workers: 1}); err != nil || sum.Deleted != 1 {
		t.Fatalf("%+v, %v", sum, err)
	}
	m, err := sqlite.OpenReadOnly(t.Context(), l.path)
	if err != nil {
		t.Fatal(err)
	}
	c, err := m.Chain(t.Context())
	m.Close()
	if err != nil {
		t.Fatal(err)
	}
	long := bytes.Repeat([]byte("x\n"), layout.MaxReceipts)
	hold := storage.SumOf([]byte("a hold"))
	for _, key := range []string{
		layout.Bundle{Chain: c.ID, First: c.Last + 1, Last: c.Last + 3, Head: hold}.Key("549825"),
		layout.HoldKey("549825", manifest.HoldText{Hold: hold}), layout.HoldKey("549825", manifest.HoldText{Hold: hold, Ended: true}),
	} {
		if _, err := l.clean.Put(t.Context(), key, storage.Body{Reader: bytes.NewReader(long)}, storage.Attrs{}); err != nil {
			t.Fatal(err)
		}
	}
	l.account.Add(vbctest.Recording{ID: 2, Start: l.cutoff.AddDate(-1, 0, 0).Truncate(time.Second), Size: 5000})
	sum, err := l.run(Options{Delete: true, Workers: 1})
	if err != nil || sum.Archived != 1 || sum.Deleted != 0 {
		t.Errorf("%+v, %v; want it archived, and held by what can't be read", sum, err)
	}
}

// Housekeeping that fails costs a warning, and neither a run nor the catalogue.
func TestHousekeepingThatFails(t *testing.T) {
	l := newLab(t, "directory")
	l.account.Add(vbctest.Recording{ID: 1, Start: l.cutoff.AddDate(-1, 0, 0).Truncate(time.Second), Size: 4000})
	faulty, _ := l.faulty.(*storagetest.Faulty)
	before := faulty.Hook
	faulty.Hook = func(op storagetest.Op, key string) storagetest.Fault {
		if op == storagetest.OpTidy {
			return storagetest.NotApplied
		}
		return before(op, key)
	}
	if sum, err := l.run(Options{Delete: true, Catalog: true, Workers: 1}); err != nil || sum.Deleted != 1 || !sum.Complete() {
		t.Errorf("%+v, %v", sum, err)
	}
	l.catalogIsCurrent()
}
