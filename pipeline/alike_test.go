package pipeline

import (
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/archive"
	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/pipeline/rebuild"
	"github.com/vbcvault/vbcvault/pipeline/refusal"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/dirstore"
	"github.com/vbcvault/vbcvault/storage/storagetest"
	"github.com/vbcvault/vbcvault/vbc"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// rows are all that the manifest has of an id.
func (l *lab) rows(id int64) []manifest.Row {
	l.t.Helper()
	m, err := sqlite.OpenReadOnly(l.t.Context(), l.path)
	if err != nil {
		l.t.Fatal(err)
	}
	defer m.Close()
	rows, err := m.All(l.t.Context(), vbc.Key{Kind: vbc.Company, ID: id})
	if err != nil {
		l.t.Fatal(err)
	}
	return rows
}

// sends has VBC send, for one recording, the audio of another one.
func (l *lab) sends(id string, other int64) {
	l.fault = func(r *http.Request) *vbctest.Fault {
		if strings.Contains(r.URL.Path, "/audio/") && strings.HasSuffix(r.URL.Path, "/"+id) {
			return &vbctest.Fault{Other: other}
		}
		return nil
	}
}

// archiveAlike archives two recordings, of which VBC sends the audio of the first
// for both.
func (l *lab) archiveAlike() (all []vbctest.Recording) {
	l.t.Helper()
	old := l.cutoff.AddDate(-1, 0, 0).Truncate(time.Second)
	l.account.Add(vbctest.Recording{ID: 1, Start: old, Size: 20_000}, vbctest.Recording{ID: 5, Start: old.Add(time.Hour), Size: 20_000})
	l.sends("5", 1)
	if sum, err := l.run(Options{Workers: 1}); err != nil || sum.Archived != 2 || sum.Failed != 1 {
		l.t.Fatalf("%+v, %v", sum, err)
	}
	return l.account.Recordings()
}

// A manifest that was made anew knows of equal audio what the lost one knew.
func TestRebuiltManifestHoldsEqualAudioBack(t *testing.T) {
	l := newLab(t, "directory")
	all := l.archiveAlike()
	l.path += ".rebuilt"
	err := sqlite.Create(t.Context(), l.path, func(m *sqlite.Manifest) error {
		_, err := rebuild.Into(t.Context(), l.clean, m, slog.New(slog.DiscardHandler), rebuild.Options{Account: "549825"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if row := l.rows(5)[0]; row.Alike != manifest.Suspect {
		t.Errorf("it is %v", row.Alike)
	}
	if sum, err := l.run(Options{Workers: 1, Delete: true}); err != nil || sum.Deleted != 0 || sum.Failed != 2 {
		t.Errorf("%+v, %v", sum, err)
	}
	l.nothingLost(all)
}

// One of two with equal audio is gone, and its id is another recording's: what VBC
// sends for it says nothing, neither of it nor of the other.
func TestEqualAudioAndAnIDGivenAgain(t *testing.T) {
	l := newLab(t, "directory")
	l.archiveAlike()
	l.fault = nil
	l.account.Remove(1)
	l.account.Add(vbctest.Recording{ID: 1, Start: l.cutoff.Add(time.Hour), Size: 20_002, Extra: map[string]any{"call_id": "other"}})
	for range 2 {
		if sum, err := l.run(Options{Workers: 1, Delete: true}); err != nil || sum.Deleted != 0 {
			t.Errorf("%+v, %v", sum, err)
		}
	}
	if row := l.rows(1)[0]; !row.Copy.Known() || row.Alike != manifest.Compared {
		t.Errorf("the only copy of what is gone was forgotten: %+v", row)
	}
	// Even who takes equal audio for granted doesn't lose what VBC now sends whole.
	five := l.rows(5)[0].Copy.Audio.SHA256
	if sum, err := l.run(Options{Workers: 1, Delete: true, AcceptEqualAudio: true}); err != nil || sum.Failed != 0 || sum.Deleted != 2 {
		t.Errorf("%+v, %v", sum, err)
	}
	if now := l.rows(5)[0].Copy.Audio.SHA256; now == five || now != storage.Digest(vbctest.Recording{Kind: vbctest.Company, ID: 5, Size: 20_000}.SHA256()) {
		t.Errorf("it has the other one's audio still, or %s", now)
	}
}

// A ZIP turns out to be wrong while something out of it is being stored: that is
// looked at as well before its purge.
func TestDistrustReachesWhatIsUnderWay(t *testing.T) {
	l := newLab(t, "directory")
	old := l.cutoff.AddDate(-1, 0, 0).Truncate(time.Second)
	at := func(minute int64) time.Time { return old.Add(time.Duration(minute) * time.Minute) }
	eight := vbctest.Recording{ID: 8, Start: at(101), Size: 5000}
	l.account.Add(vbctest.Recording{ID: 1, Start: at(100), Size: 4000}, eight,
		vbctest.Recording{ID: 7, Start: at(102), Size: 4000}, vbctest.Recording{ID: 9, Start: at(400), Size: 5000})
	for id := int64(20); id < 40; id++ { // the sample is one of these
		l.account.Add(vbctest.Recording{ID: id, Start: at(200 + id), Size: 3000})
	}
	all := l.account.Recordings()
	l.zip = func(recs []vbctest.Recording, entries []vbctest.ZipEntry) []vbctest.ZipEntry {
		by := map[int64]int{}
		for i, r := range recs {
			by[r.ID] = i
		}
		entries[by[7]].Body, entries[by[8]].Body = recs[by[1]].Audio(), recs[by[9]].Audio()
		return entries
	}
	distrusted := make(chan struct{})
	faulty := l.faulty.(*storagetest.Faulty)
	hook := faulty.Hook
	faulty.Hook = func(op storagetest.Op, key string) storagetest.Fault {
		if op == storagetest.OpPut && key == l.stem(eight)+".mp3" { // a slow upload
			<-distrusted
		}
		return hook(op, key)
	}
	var once sync.Once
	l.fault = func(r *http.Request) *vbctest.Fault {
		if r.Method == http.MethodDelete && strings.HasSuffix(r.URL.Path, "/7") { // it was fetched anew
			once.Do(func() { close(distrusted) })
		}
		return nil
	}
	if sum, err := l.run(Options{Delete: true, Workers: 2, Fetch: FetchExport, PollPause: time.Microsecond}); err != nil || sum.Failed != 0 || int(sum.Deleted) != len(all) {
		t.Errorf("%+v, %v", sum, err)
	}
	l.nothingLost(all)
}

// A copy is damaged, and VBC has another recording under its id, which no listing
// of the run shows: what VBC sends for that doesn't take the damaged one's place.
func TestDamagedCopyOfAnIDGivenAgain(t *testing.T) {
	l := newLab(t, "directory")
	old := l.cutoff.AddDate(-1, 0, 0).Truncate(time.Second)
	l.account.Add(vbctest.Recording{ID: 1, Start: old, Size: 20_000})
	all := l.account.Recordings()
	if _, err := l.run(Options{}); err != nil {
		t.Fatal(err)
	}
	before := l.rows(1)[0].Copy.Audio
	l.damage(all, 0)
	l.account.Remove(1)
	l.account.Add(vbctest.Recording{ID: 1, Start: l.cutoff.Add(time.Hour), Size: 20_000, Extra: map[string]any{"call_id": "other"}},
		vbctest.Recording{ID: 77, Start: l.cutoff.Add(2 * time.Hour), Size: 20_000})
	l.sends("1", 77)
	for range 2 {
		if sum, err := l.run(Options{Delete: true}); err != nil || sum.Deleted != 0 || sum.Failed != 1 || sum.Downloads != 0 {
			t.Errorf("%+v, %v", sum, err)
		}
		if row := l.rows(1)[0]; row.Copy.Audio.Content != before.Content || row.Damaged == "" {
			t.Errorf("its copy is forgotten, or not called damaged: %+v", row)
		}
	}
}

// A DELETE whose answer was lost, an id given again, and the new recording's
// purge before anybody has looked what became of the first: each outcome goes
// with its own intent.
func TestReceiptsOfAnIDGivenAgain(t *testing.T) {
	l := newLab(t, "directory")
	l.fill()
	l.losing(1)
	l.account.Add(vbctest.Recording{ID: 1, Size: 20_001, Start: l.cutoff.AddDate(-1, 1, 0).Truncate(time.Second), Extra: map[string]any{"call_id": "again"}})
	l.fault = nil
	one := 1
	if sum, err := l.run(Options{Delete: true, Workers: 1, MaxDeletes: &one}); err != nil || sum.Deleted != 2 {
		t.Errorf("%+v, %v", sum, err)
	}
	l.allDone(nil)
}

// VBC has changed nothing but a file name, so two rows have one audio: it is
// removed when both are erased.
func TestEraseOfASharedCopy(t *testing.T) {
	l := newLab(t, "directory")
	old := l.cutoff.AddDate(-1, 0, 0).Truncate(time.Second)
	rec := vbctest.Recording{ID: 1, Start: old, Size: 20_000}
	for _, extra := range []map[string]any{nil, {"file_name": "corrected.mp3"}} {
		rec.Extra = extra
		l.account.Add(rec)
		if sum, err := l.run(Options{Workers: 1, Delete: true}); err != nil || sum.Deleted != 1 {
			t.Fatalf("%+v, %v", sum, err)
		}
	}
	m, err := sqlite.Open(t.Context(), l.path)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	eraser := dirstore.NewEraser(l.clean.(*dirstore.Store))
	for again := range 2 { // the archive can't tell them apart, so both are meant
		a, err := archive.Of(t.Context(), l.clean, m, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		_, err = a.Erase(t.Context(), eraser, archive.Erasure{Kind: vbc.Company, ID: 1, Start: old, Reason: "r", By: "b"},
			func(archive.Erasable) error { return nil })
		if again == 0 && err != nil || again == 1 && refusal.Code(err) != code.ErasedAlready {
			t.Error(err)
		}
	}
	for o, err := range l.clean.List(t.Context(), "account=") {
		t.Errorf("left: %s, %v", o.Key, err)
	}
}
