package main_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

func isExportStart(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/export") }

func isAudioOf(r *http.Request, id int64) bool {
	return isAudio(r) && strings.HasSuffix(r.URL.Path, fmt.Sprintf("/%d", id))
}

// equalNames are thirty recordings, of which the first two have the same name and
// the same size, with what else there is in the first one's JSON.
func equalNames(first map[string]any) (all []vbctest.Recording) {
	start := time.Now().UTC().Truncate(time.Second).AddDate(-1, 0, 0)
	for i := range int64(30) {
		r := vbctest.Recording{Kind: vbctest.Company, ID: 1 + i, Start: start.Add(time.Duration(i) * time.Minute), Size: 9000 + 100*i}
		if i < 2 {
			r.Size, r.Extra = 9000, map[string]any{"file_name": "call.mp3"}
		}
		all = append(all, r)
	}
	for k, v := range first {
		all[0].Extra[k] = v
	}
	return all
}

// Ways in which a ZIP may write two entries of one name.
func zips() map[string]func([]vbctest.Recording, []vbctest.ZipEntry) []vbctest.ZipEntry {
	return map[string]func([]vbctest.Recording, []vbctest.ZipEntry) []vbctest.ZipEntry{
		"both": nil,
		"numbered": func(_ []vbctest.Recording, e []vbctest.ZipEntry) []vbctest.ZipEntry {
			seen := map[string]int{}
			for i := range e {
				name := e[i].Name
				if n := seen[name]; n > 0 {
					e[i].Name = strings.TrimSuffix(name, ".mp3") + fmt.Sprintf(" (%d).mp3", n)
				}
				seen[name]++
			}
			return e
		},
		"one": func(_ []vbctest.Recording, e []vbctest.ZipEntry) (out []vbctest.ZipEntry) {
			seen := map[string]bool{}
			for _, entry := range e {
				if !seen[entry.Name] {
					out = append(out, entry)
				}
				seen[entry.Name] = true
			}
			return out
		},
	}
}

// An entry of an export is taken for a recording only where no other one can be
// meant: whether that is archived already, is none that the run is about, came
// late, or was listed by a run that was killed.
func TestExportOfEqualNames(t *testing.T) {
	t.Parallel()
	notShort(t, "archives hundreds of recordings in many ways")
	for way, zip := range zips() {
		for name, test := range map[string]func(t *testing.T, w *world, all []vbctest.Recording){
			"archived already": func(t *testing.T, w *world, all []vbctest.Recording) {
				w.account.Add(all[0])
				w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 1})
				w.account.Add(all[1:]...)
				w.want(w.archive("--older-than", "90d", "--full-scan", "--fetch", "export"), 0, map[string]int{"archived": 29})
			},
			"not chosen": func(t *testing.T, w *world, all []vbctest.Recording) {
				w.account.Add(all...)
				w.want(w.archive("--older-than", "90d", "--rule-id", "1989", "--fetch", "export"), 0, map[string]int{"archived": 29})
			},
			"unreadable": func(t *testing.T, w *world, all []vbctest.Recording) {
				all[0].RawStart = "yesterday"
				w.account.Add(all...)
				w.want(w.archive("--older-than", "90d", "--fetch", "export"), 1, map[string]int{"archived": 29, "unreadable": 1})
				w.want(w.run("acknowledge", "--trouble", "unreadable", "--reason", "a test"), 0, nil)
			},
			"comes late": func(t *testing.T, w *world, all []vbctest.Recording) {
				w.account.Add(all[1:]...)
				w.nth(1, isExportStart, func() *vbctest.Fault {
					w.account.Add(all[0])
					return nil
				})
				w.want(w.archive("--older-than", "90d", "--fetch", "export"), 0, map[string]int{"archived": 29})
			},
			"comes after a kill": func(t *testing.T, w *world, all []vbctest.Recording) {
				w.account.Add(all[:1]...)
				w.account.Add(all[2:]...)
				if r := w.signalled(syscall.SIGKILL, isZIP, 1, false, "--older-than", "90d", "--fetch", "export"); r.code != -1 {
					t.Fatalf("it wasn't killed: exit %d", r.code)
				}
				w.account.Add(all[1])
				w.want(w.archive("--older-than", "90d", "--fetch", "export"), 0, map[string]int{"archived": 30})
			},
		} {
			t.Run(name+"/"+way, func(t *testing.T) {
				t.Parallel() // each waits a second for VBC to pack
				extra := map[string]any{}
				if name == "not chosen" {
					extra["rule_ids"] = []int64{1}
				}
				all := equalNames(extra)
				w := newWorld(t, vbctest.Config{Zip: zip}).inDir()
				test(t, w, all)
				w.account.Inject(nil)
				w.mustHold(all[1:]...)
				if name == "archived already" || name == "comes after a kill" {
					w.mustHold(all[0])
				}
				w.want(w.archive("--older-than", "90d", "--delete", "--rule-id", "1989"), 0, map[string]int{"failed": 0})
				w.nothingLost(all)
			})
		}
	}
}

// One recording of each ZIP is fetched by itself as well, one of those that are
// as large as most others. Where it is another one, nothing of the ZIP is taken.
func TestExportIsSampled(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{Zip: func(_ []vbctest.Recording, e []vbctest.ZipEntry) []vbctest.ZipEntry {
		for i := range 3 {
			e[5+2*i].Body, e[6+2*i].Body = e[6+2*i].Body, e[5+2*i].Body
		}
		return e
	}}).inDir()
	start := time.Now().UTC().Truncate(time.Second).AddDate(-1, 0, 0)
	for i := range int64(30) {
		size := 9000 + 100*i
		if i >= 5 && i < 11 {
			size = 20_000
		}
		w.account.Add(vbctest.Recording{ID: 1 + i, Start: start.Add(time.Duration(i) * time.Minute), Size: size})
	}
	all := w.account.Recordings()
	r := w.archive("--older-than", "90d", "--delete", "--fetch", "export")
	w.want(r, 0, map[string]int{"deleted": 30, "exported": 0, "downloads": 31})
	if !strings.Contains(r.stderr, "differs from what VBC sends for it") {
		t.Error("it isn't said")
	}
	w.mustHold(all...)
}

// The sample was right, and another entry is another recording's: that is found
// out by what it is, and what has come out of the ZIP before is compared.
func TestExportWithAnothersAudio(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{Zip: func(_ []vbctest.Recording, e []vbctest.ZipEntry) []vbctest.ZipEntry {
		b, err := io.ReadAll(e[20].Body)
		if err != nil {
			panic(err)
		}
		e[20].Body, e[21].Body = bytes.NewReader(b), bytes.NewReader(b)
		return e
	}}).inDir()
	start := time.Now().UTC().Truncate(time.Second).AddDate(-1, 0, 0)
	for i := range int64(30) {
		size := 9000 + 100*i
		if i == 20 || i == 21 {
			size = 20_000
		} else if i < 3 {
			size = 30_000
		}
		w.account.Add(vbctest.Recording{ID: 1 + i, Start: start.Add(time.Duration(i) * time.Minute), Size: size})
	}
	all := w.account.Recordings()
	r := w.archive("--older-than", "90d", "--fetch", "export", "--workers", "1")
	w.want(r, 0, map[string]int{"archived": 30})
	if !strings.Contains(r.stderr, "another recording's audio for company recording 22") {
		t.Error("it isn't said")
	}
	w.mustHold(all...)
	w.account.ResetCounts()
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 30, "failed": 0})
	if n := w.account.Counts().ByKind[vbctest.Audio]; n != 21 {
		t.Errorf("%d were compared, want the 21 that had come out of the ZIP", n)
	}
	w.mustHold(all...)
}

// VBC sends another recording's audio. Once, and it is asked again; each time, and
// the recording is archived, reported, and not deleted before somebody says so.
func TestEqualAudio(t *testing.T) {
	t.Parallel()
	t.Run("once", func(t *testing.T) {
		w := newWorld(t, vbctest.Config{}).inS3(nil)
		all := w.twoAlike()
		w.nth(1, func(r *http.Request) bool { return isAudioOf(r, all[1].ID) }, once(vbctest.Fault{Other: all[0].ID}))
		w.want(w.archive("--older-than", "90d", "--delete", "--workers", "1"), 0, map[string]int{"deleted": 2, "downloads": 3})
		w.mustHold(all...)
	})
	t.Run("the first was wrong", func(t *testing.T) {
		w := newWorld(t, vbctest.Config{}).inS3(nil)
		all := w.twoAlike()
		w.nth(1, func(r *http.Request) bool { return isAudioOf(r, all[0].ID) }, once(vbctest.Fault{Other: all[1].ID}))
		w.want(w.archive("--older-than", "90d", "--workers", "1"), 1, map[string]int{"archived": 2, "failed": 1})
		w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 2, "failed": 0})
		for _, rec := range all {
			if !w.has(rec) {
				t.Errorf("LOST: recording %d", rec.ID)
			}
		}
	})
	t.Run("always", func(t *testing.T) {
		w := newWorld(t, vbctest.Config{}).inS3(nil)
		all := w.twoAlike()
		w.account.Inject(func(r *http.Request) *vbctest.Fault {
			if isAudioOf(r, all[1].ID) {
				return &vbctest.Fault{Other: all[0].ID}
			}
			return nil
		})
		args := []string{"--older-than", "90d", "--delete", "--workers", "1"}
		r := w.archive(args...)
		w.want(r, 1, map[string]int{"archived": 2, "deleted": 1, "failed": 1, "downloads": 3})
		if !strings.Contains(r.stderr, "byte for byte") {
			t.Error("it isn't said")
		}
		if !w.account.Has(vbctest.Company, 0, all[1].ID) {
			t.Error("the one that came second was deleted")
		}
		if s := w.run("status"); !strings.Contains(s.stdout, "--accept-equal-audio") {
			t.Error("status doesn't say what to do")
		}
		w.account.ResetCounts()
		w.want(w.archive(args...), 1, map[string]int{"deleted": 0, "failed": 1})
		if n := w.account.Counts().ByKind[vbctest.Audio]; n != 0 {
			t.Errorf("%d downloads of what is archived and compared", n)
		}
		if a := w.run("acknowledge", "--id", fmt.Sprint(all[1].ID), "--reason", "silence"); a.code != 0 {
			t.Errorf("acknowledge: exit %d", a.code)
		}
		w.want(w.archive(args...), 0, map[string]int{"deleted": 0, "acknowledged": 1})
		w.want(w.archive(append(args, "--accept-equal-audio")...), 0, map[string]int{"deleted": 1, "failed": 0})
		w.want(w.archive(args...), 0, map[string]int{"deleted": 0, "failed": 0})
	})
	t.Run("both at once", func(t *testing.T) {
		w := newWorld(t, vbctest.Config{}).inS3(nil)
		all := w.twoAlike()
		var waiting atomic.Int64
		both := make(chan struct{})
		w.account.Inject(func(r *http.Request) *vbctest.Fault {
			if !isAudio(r) {
				return nil
			}
			if n := waiting.Add(1); n == 2 {
				close(both)
			}
			<-both
			return &vbctest.Fault{Other: all[0].ID}
		})
		w.want(w.archive("--older-than", "90d", "--workers", "2"), 1, map[string]int{"archived": 2, "failed": 1})
		w.account.Inject(func(r *http.Request) *vbctest.Fault {
			if isAudioOf(r, all[1].ID) {
				return &vbctest.Fault{Other: all[0].ID}
			}
			return nil
		})
		w.want(w.archive("--older-than", "90d", "--delete"), 1, map[string]int{"deleted": 0, "failed": 2})
	})
}

// twoAlike adds two recordings of one size.
func (w *world) twoAlike() []vbctest.Recording {
	start := time.Now().UTC().Truncate(time.Second).AddDate(-1, 0, 0)
	w.account.Add(vbctest.Recording{ID: 1, Start: start, Size: 9000}, vbctest.Recording{ID: 2, Start: start.Add(time.Hour), Size: 9000})
	return w.account.Recordings()
}

// has reports whether the destination has a recording's audio, under whatever
// name of its own.
func (w *world) has(rec vbctest.Recording) bool {
	w.t.Helper()
	for _, k := range w.keys() {
		if strings.HasPrefix(k, strings.TrimSuffix(key(rec, ""), ".")) && strings.HasSuffix(k, ".mp3") {
			b := w.read(k)
			whole, err := io.ReadAll(rec.Audio())
			if err != nil {
				w.t.Fatal(err)
			}
			if bytes.Equal(b, whole) {
				return true
			}
		}
	}
	return false
}
