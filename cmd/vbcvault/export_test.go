package main_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

func isZIP(r *http.Request) bool { return strings.Contains(r.URL.Path, "/bulkDownload/") }
func isJob(r *http.Request) bool { return strings.Contains(r.URL.Path, "/jobs/") }

// One ZIP in place of forty downloads, one of them to compare, and the same proof
// for each recording.
func TestExport(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		all := w.someRecordings(40)
		w.account.Add(vbctest.Recording{ID: 7, Start: time.Now()}) // younger than the cutoff
		w.want(w.archive("--older-than", "90d", "--delete", "--fetch", "export"), 0, map[string]int{"archived": 40, "deleted": 40, "exported": 40, "downloads": 1})
		w.mustHold(all...)
		c := w.account.Counts()
		if c.ByKind[vbctest.Audio] != 1 || c.ByKind[vbctest.ExportStart] != 1 || c.ByKind[vbctest.ExportZip] != 1 || c.ByKind[vbctest.ExportPoll] > 3 {
			t.Errorf("%v", c.ByKind)
		}
		if jobs := w.account.Jobs(); len(jobs) != 1 || len(jobs[0].Recordings()) != 40 {
			t.Errorf("the job has %d recordings", len(jobs[0].Recordings()))
		}
		w.noSpool()
	}, vbctest.Config{ExportPolls: 1})
}

func (w *world) noSpool() {
	w.t.Helper()
	if left, err := filepath.Glob(filepath.Join(w.state, "*.spool*")); err != nil || len(left) > 0 {
		w.t.Errorf("left behind: %v, %v", left, err)
	}
}

// VBC may make several jobs of one export; on-demand recordings have their own.
func TestExportInSeveralJobs(t *testing.T) {
	t.Parallel() // it mostly waits
	w := newWorld(t, vbctest.Config{ExportFiles: 15, ExportPolls: 1}).inDir()
	all := w.someRecordings(20)
	for i := range int64(20) {
		w.account.Add(vbctest.Recording{Kind: vbctest.OnDemand, ID: 1 + i, Start: all[i].Start})
	}
	w.want(w.archive("--older-than", "90d", "--kind", "company,on-demand", "--fetch", "export"), 0, map[string]int{"archived": 40, "exported": 40})
	w.mustHold(w.account.Recordings()...)
	if c := w.account.Counts().ByKind; c[vbctest.ExportStart] != 2 || c[vbctest.ExportZip] != 4 || c[vbctest.Audio] != 4 {
		t.Errorf("%v", c)
	}
}

// Whatever is wrong with an export: what it lacks is downloaded by itself, and
// each copy is as proven as any.
func TestExportGoesWrong(t *testing.T) {
	t.Parallel()
	zip := func(change func(entries []vbctest.ZipEntry) []vbctest.ZipEntry) vbctest.Config {
		return vbctest.Config{Zip: func(_ []vbctest.Recording, entries []vbctest.ZipEntry) []vbctest.ZipEntry { return change(entries) }}
	}
	content := func(e vbctest.ZipEntry) []byte {
		b, err := io.ReadAll(e.Body)
		if err != nil {
			t.Error(err)
		}
		return b
	}
	for name, c := range map[string]struct {
		cfg       vbctest.Config
		inject    func(*http.Request) *vbctest.Fault
		downloads int // of 20 recordings
		says      string
	}{
		"the account has none": {cfg: vbctest.Config{NoExports: true}, downloads: 20, says: "exports can't be used"},
		"the job fails":        {cfg: vbctest.Config{ExportFails: true}, downloads: 20, says: "VBC reports that export job"},
		"an entry is missing":  {cfg: zip(func(e []vbctest.ZipEntry) []vbctest.ZipEntry { return e[1:] }), downloads: 1},
		"an entry comes twice": {cfg: zip(func(e []vbctest.ZipEntry) []vbctest.ZipEntry {
			return append(e, vbctest.ZipEntry{Name: "again/" + e[3].Name, Body: strings.NewReader("x"), Size: -1})
		}), downloads: 20, says: "has 21 files, but VBC has listed 20"},
		"other names": {cfg: zip(func(e []vbctest.ZipEntry) []vbctest.ZipEntry {
			for i := range e {
				e[i].Name = fmt.Sprintf("recording-%d.mp3", i)
			}
			return e
		}), downloads: 20, says: "no file with the name of any of 20 recordings"},
		"a file that is no recording": {cfg: zip(func(e []vbctest.ZipEntry) []vbctest.ZipEntry {
			e[7].Name = "index.csv"
			return e
		}), downloads: 20, says: "has 1 file that VBC hasn't listed"},
		"in directories that lead out of the ZIP, packed": {cfg: zip(func(e []vbctest.ZipEntry) []vbctest.ZipEntry {
			for i := range e {
				e[i].Name, e[i].Deflate = "../../../../tmp/"+e[i].Name, true
			}
			return e
		}), downloads: 0},
		"a flipped bit": {cfg: zip(func(e []vbctest.ZipEntry) []vbctest.ZipEntry {
			b := content(e[5])
			e[5].Size, e[5].CRC = int64(len(b)), 1 // a checksum that isn't that of the bytes
			e[5].Body = bytes.NewReader(b)
			return e
		}), downloads: 1, says: "doesn't have the complete recording"},
		"an error page in place of audio": {cfg: zip(func(e []vbctest.ZipEntry) []vbctest.ZipEntry {
			n := len(content(e[5]))
			e[5].Body = strings.NewReader("<html>" + strings.Repeat("x", n-6))
			return e
		}), downloads: 1, says: "sent no audio"},
		"a header that lies about the size, by ten thousand times": {cfg: zip(func(e []vbctest.ZipEntry) []vbctest.ZipEntry {
			// The bomb: the directory declares what the listing does, and far more comes.
			size := int64(len(content(e[5])))
			e[5].Deflate, e[5].Size, e[5].CRC = true, size, 1
			e[5].Body = bytes.NewReader(deflated(100 << 20))
			return e
		}), downloads: 1, says: "doesn't have the complete recording"},
		"another size": {cfg: zip(func(e []vbctest.ZipEntry) []vbctest.ZipEntry {
			e[5].Body = io.MultiReader(e[5].Body, strings.NewReader("more"))
			return e
		}), downloads: 1},
		"it breaks off": {inject: func() func(*http.Request) *vbctest.Fault {
			var once sync.Once
			return func(r *http.Request) (f *vbctest.Fault) {
				if isZIP(r) {
					once.Do(func() { f = &vbctest.Fault{CutAfter: 50_000} })
				}
				return f
			}
		}(), downloads: 0},
		"it always breaks off": {inject: func(r *http.Request) *vbctest.Fault {
			if isZIP(r) {
				return &vbctest.Fault{CutAfter: 50_000}
			}
			return nil
		}, downloads: 20, says: "an export failed"},
		"a page in place of the ZIP": {inject: func(r *http.Request) *vbctest.Fault {
			if isZIP(r) {
				return &vbctest.Fault{Status: 200, Body: "<html>Sign in</html>"}
			}
			return nil
		}, downloads: 20, says: "not a readable ZIP"},
		"no job by that id": {inject: func(r *http.Request) *vbctest.Fault {
			if isJob(r) {
				return &vbctest.Fault{Status: 404, Body: `{"msg":"Export job not found","status":404}`}
			}
			return nil
		}, downloads: 20, says: "no longer exists"},
		"the ZIP is on another host": {inject: func(r *http.Request) *vbctest.Fault {
			if isJob(r) {
				return &vbctest.Fault{Status: 200, Body: `{"id":"x","status":"complete","files_total":20,"files_completed":20,"download_url":"https://example.com/zip"}`}
			}
			return nil
		}, downloads: 20, says: "on another host"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // each waits a second for VBC to pack
			w := newWorld(t, c.cfg).inDir()
			all := w.someRecordings(20)
			w.account.Inject(c.inject)
			r := w.archive("--older-than", "90d", "--delete", "--fetch", "export")
			sample := 1 // of each ZIP that is believed
			if c.downloads == 20 {
				sample = 0
			}
			w.want(r, 0, map[string]int{"archived": 20, "deleted": 20, "failed": 0, "exported": 20 - c.downloads, "downloads": c.downloads + sample})
			w.mustHold(all...)
			w.noSpool()
			if c.says != "" && !strings.Contains(r.stderr, c.says) {
				t.Errorf("it isn't said that %q", c.says)
			}
		})
	}
}

// Killed at any moment of an export, the next run takes up the job and leaves
// nothing behind.
func TestExportSurvivesKill(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]func(*http.Request) bool{"while VBC packs": isJob, "in the download": isZIP, "in the purges": isDelete} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, vbctest.Config{}).inDir()
			all := w.someRecordings(30)
			cmd := w.command("archive", "--to", w.to, "--older-than", "90d", "--delete", "--fetch", "export")
			var once sync.Once
			w.account.Inject(func(r *http.Request) (f *vbctest.Fault) {
				if at(r) {
					once.Do(func() {
						if err := w.process(cmd).Kill(); err != nil {
							t.Error(err)
						}
						f = &vbctest.Fault{Hang: true}
					})
				}
				return f
			})
			if r := w.finish(cmd); r.code == 0 {
				t.Error("it wasn't killed")
			}
			w.nothingLost(all)
			w.account.Inject(nil)
			w.want(w.archive("--older-than", "90d", "--delete", "--fetch", "export"), 0, nil)
			w.mustHold(all...)
			if n := len(w.account.Recordings()); n != 0 {
				t.Errorf("%d are left at VBC", n)
			}
			if n := len(w.account.Jobs()); n != 1 {
				t.Errorf("%d jobs were started, want the one taken up", n)
			}
			if n := w.account.Counts().ByKind[vbctest.Audio]; n > 8 {
				t.Errorf("%d downloads besides the export", n)
			}
			w.noSpool()
		})
	}
}

// A job that is no longer valid isn't asked for.
func TestExpiredExportIsStartedAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{ExportTTL: 50 * time.Second}).inDir() // less than the minute that a download may take
	all := w.someRecordings(20)
	w.nth(1, isDelete, func() *vbctest.Fault { return &vbctest.Fault{Status: 403, Body: `{"msg":"no","status":403}`} })
	cmd := w.command("archive", "--to", w.to, "--older-than", "90d", "--delete", "--fetch", "export")
	var once sync.Once
	w.account.Inject(func(r *http.Request) (f *vbctest.Fault) {
		if isZIP(r) {
			once.Do(func() {
				_ = w.process(cmd).Kill()
				f = &vbctest.Fault{Hang: true}
			})
		}
		return f
	})
	w.finish(cmd)
	w.account.Inject(nil)
	// It is complete, and soon no longer valid.
	r := w.archive("--older-than", "90d", "--delete", "--fetch", "export")
	w.want(r, 0, map[string]int{"deleted": 20, "exported": 20})
	w.mustHold(all...)
	if strings.Contains(r.stderr, "resuming") || len(w.account.Jobs()) != 2 {
		t.Errorf("%d jobs", len(w.account.Jobs()))
	}
}

// auto saves requests where there is a quota, and asks for nothing special
// where there is none.
func TestFetchAuto(t *testing.T) {
	t.Parallel()
	free := newWorld(t, vbctest.Config{}).inDir()
	free.someRecordings(30)
	free.want(free.archive("--older-than", "90d"), 0, map[string]int{"downloads": 30, "exported": 0})

	notShort(t, "waits for a quota")
	w := newWorld(t, vbctest.Config{Quota: 50, QuotaWindow: time.Second}).inDir()
	all := w.someRecordings(300)
	r := w.archive("--older-than", "90d", "--delete", "--workers", "4")
	w.want(r, 0, map[string]int{"deleted": 300})
	w.mustHold(all...)
	c := w.account.Counts()
	if n := c.ByKind[vbctest.Audio]; n > 250 || c.ByKind[vbctest.ExportZip] == 0 {
		t.Errorf("%v: the first slices teach the quota, then come exports", c.ByKind)
	}
	// On a busy machine requests that were sent one by one come all at once: that 2 %
	// are refused at most shows TestPaceIsLearnedFrom429, where the clock is its own.
	t.Logf("%v, %d refused", c.ByKind, c.Throttled)
	if share := float64(c.Throttled) / float64(c.Total); share >= 0.25 {
		t.Errorf("%d of %d requests were refused", c.Throttled, c.Total)
	}
	// The next run knows from the beginning that there is a quota, and at which pace
	// if windows of a second have agreed on it here.
	learned := strings.Contains(r.stderr, "request quota is known")
	w.account.ResetCounts()
	for i := range int64(100) {
		w.account.Add(vbctest.Recording{ID: 1 + i, Start: all[0].Start.Add(time.Duration(i)*time.Minute + time.Second)})
	}
	r = w.archive("--older-than", "90d", "--delete")
	w.want(r, 0, map[string]int{"deleted": 100, "exported": 100})
	if learned && strings.Contains(r.stderr, "request quota is known") {
		t.Error("the pace was learned although it was known")
	}
}

// A spool directory of one's own; where it has no room, recordings are
// downloaded one by one.
func TestSpoolDirectory(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.someRecordings(12)
	dir := t.TempDir()
	var seen []string
	w.account.Inject(func(r *http.Request) *vbctest.Fault {
		if isDelete(r) {
			found, err := filepath.Glob(filepath.Join(dir, "vbcvault-*", "*.zip"))
			if err != nil {
				t.Error(err)
			}
			seen = append(seen, found...)
		}
		return nil
	})
	w.want(w.archive("--older-than", "90d", "--delete", "--fetch", "export", "--spool-dir", dir, "--workers", "1"), 0, map[string]int{"exported": 12})
	if len(seen) == 0 {
		t.Error("the ZIP was not in --spool-dir")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	w.want(w.archive("--older-than", "90d", "--spool-dir", filepath.Join(dir, "none")), 2, nil)
	w.want(w.archive("--older-than", "90d", "--export-limit", "much"), 2, nil)
}

// Slices keep below --export-limit.
func TestExportLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	start := time.Now().UTC().Truncate(time.Second).AddDate(-1, 0, 0)
	for i := range int64(42) {
		w.account.Add(vbctest.Recording{ID: 1 + i, Start: start.Add(time.Duration(i) * time.Minute), Size: 100_000})
	}
	w.want(w.archive("--older-than", "90d", "--fetch", "export", "--export-limit", "1500kB"), 0, map[string]int{"archived": 42})
	sizes := []int{}
	for _, j := range w.account.Jobs() {
		sizes = append(sizes, len(j.Recordings()))
	}
	if !slices.Equal(sizes, []int{15, 15, 12}) {
		t.Errorf("%v recordings in the jobs, want 15 of 100 kB at most", sizes)
	}
}
