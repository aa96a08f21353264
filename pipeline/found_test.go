package pipeline

import (
	"bytes"
	"database/sql"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/pipeline/rebuild"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// rebuild makes the manifest anew, out of the archive alone.
func (l *lab) rebuild(change ...func(*rebuild.Options)) rebuild.Result {
	l.t.Helper()
	o := rebuild.Options{Account: "549825"}
	for _, f := range change {
		f(&o)
	}
	l.path = filepath.Join(l.t.TempDir(), "rebuilt")
	var sum rebuild.Result
	err := sqlite.Create(l.t.Context(), l.path, func(m *sqlite.Manifest) (err error) {
		sum, err = rebuild.Into(l.t.Context(), l.clean, m, slog.New(slog.DiscardHandler), o)
		return err
	})
	if err != nil {
		l.t.Fatal(err)
	}
	return sum
}

// plant puts other audio of the same length in a recording's place, with metadata
// that says so.
func (l *lab) plant(rec vbctest.Recording) storage.Digest {
	l.t.Helper()
	audio, side := l.onDisk(l.stem(rec)+".mp3"), l.onDisk(l.stem(rec)+".json")
	body := append([]byte("ID3"), bytes.Repeat([]byte("x"), int(rec.Size)-3)...)
	sum := storage.SumOf(body)
	text, err := os.ReadFile(side)
	if err == nil {
		text = bytes.ReplaceAll(text, []byte(sumOf(rec).String()), []byte(sum.String()))
		err = os.WriteFile(side, text, 0o600)
	}
	if err == nil {
		err = os.WriteFile(audio, body, 0o600)
	}
	if err != nil {
		l.t.Fatal(err)
	}
	return sum
}

// foundAndPlanted is an archive of two recordings that VBC has still, whose manifest
// was lost: one copy is honest, and the other somebody has put there.
func foundAndPlanted(t testing.TB) (l *lab, all []vbctest.Recording) {
	l = newLab(t, "directory")
	all = l.fill()
	if sum, err := l.run(Options{Workers: 1}); err != nil || sum.Archived != 2 {
		t.Fatalf("%+v, %v", sum, err)
	}
	l.plant(all[1])
	if sum := l.rebuild(); sum.Unvouched != 2 || !sum.Whole() {
		t.Fatalf("%+v", sum)
	}
	l.reset(nil)
	l.audio = 0
	return l, all
}

// What was found in an archive is compared before it justifies a deletion, each at
// the price of one download, once: what VBC sends is what the archive has then.
func TestFoundCopyIsCompared(t *testing.T) {
	t.Parallel()
	l, all := foundAndPlanted(t)
	if sum, err := l.run(Options{Workers: 1}); err != nil || !sum.Complete() || sum.Downloads != 0 {
		t.Errorf("without deleting: %+v, %v", sum, err)
	}
	honest := l.rows(1)[0].Copy
	sum, err := l.run(Options{Delete: true, Workers: 1})
	if err != nil || sum.Deleted != 2 || sum.Archived != 1 || sum.Failed != 0 || sum.Downloads != 3 {
		t.Errorf("%+v, %v; want one download of each, and one more to store beside what was planted", sum, err)
	}
	l.allDone(all)
	for _, rec := range all[:2] {
		row := l.rows(rec.ID)[0]
		if row.Unvouched || row.Copy.Audio.SHA256 != sumOf(rec) {
			t.Errorf("recording %d: %+v", rec.ID, row)
		}
	}
	if now := l.rows(1)[0].Copy; now.Audio.Key != honest.Audio.Key || now.Sidecar.Key != honest.Sidecar.Key || !now.ArchivedAt.Equal(honest.ArchivedAt) {
		t.Errorf("%+v was found, and now it is %+v", honest, now)
	}
	if body, err := os.ReadFile(l.onDisk(l.stem(all[1]) + ".mp3")); err != nil || storage.SumOf(body) == sumOf(all[1]) {
		t.Errorf("what was found has been replaced, %v", err)
	}
}

// Who trusts the archive compares nothing, in this run and after it.
func TestFoundCopyIsTrusted(t *testing.T) {
	t.Parallel()
	l := newLab(t, "directory")
	all := l.fill()
	for _, o := range []Options{{Workers: 1}, {Workers: 1, TrustArchive: true}, {Workers: 1, Delete: true}} {
		if sum, err := l.run(o); err != nil || o.TrustArchive && sum.Downloads != 0 || o.Delete && (sum.Downloads != 0 || sum.Deleted != 2) {
			t.Errorf("%+v, %v", sum, err)
		}
		if !o.Delete && !o.TrustArchive {
			l.rebuild()
		}
	}
	l.allDone(all)
}

// The process ends at each step of comparing, or VBC is out of order there. What was
// found is never forgotten: where VBC has lost the recordings meanwhile, the next run
// finds that it is all there is; and where it hasn't, the next run finishes.
func TestFoundCopyIsNeverForgotten(t *testing.T) {
	t.Parallel()
	l, all := foundAndPlanted(t)
	if sum, err := l.run(Options{Delete: true, Workers: 1}); err != nil || sum.Deleted != 2 {
		t.Fatalf("%+v, %v", sum, err)
	}
	for _, m := range share(t, l.moments(), 3) {
		t.Run(m.String(), func(t *testing.T) {
			t.Parallel()
			for _, lost := range []bool{false, true} {
				l, all := foundAndPlanted(t)
				l.endAt(m, true)
				sum, err := l.run(Options{Delete: true, Workers: 1})
				l.mustHaveDied(m, sum, err)
				l.nothingLost(all)
				l.reset(nil)
				if lost {
					for _, rec := range all[:2] {
						l.account.Remove(rec.ID)
					}
				}
				if sum, err = l.run(Options{Delete: true, Workers: 1}); err != nil || !sum.Complete() {
					t.Errorf("the next run: %+v, %v", sum, err)
				}
				if !lost {
					l.allDone(all)
				}
				for _, rec := range all[:2] {
					if row := l.rows(rec.ID)[0]; row.State != manifest.Purged || !row.Copy.Known() {
						t.Errorf("recording %d, lost at VBC: %v: %s, %+v", rec.ID, lost, row.State, row.Copy)
					}
				}
			}
		})
	}
	l.allDone(all)
}

// VBC lists a recording, and answers 404 for its audio: what was found stays known,
// and the next run, to which VBC shows it no more, writes down that it is all there is.
func TestFoundCopyThatVBCDoesNotSend(t *testing.T) {
	t.Parallel()
	l, all := foundAndPlanted(t)
	l.fault = func(r *http.Request) *vbctest.Fault {
		if strings.HasSuffix(r.URL.Path, "/audio/1") || strings.Contains(r.URL.Path, "/audio/") && strings.HasSuffix(r.URL.Path, "/1") {
			return &vbctest.Fault{Status: http.StatusNotFound, Body: `{"msg":"not found","status":404}`}
		}
		return nil
	}
	before := l.rows(1)[0].Copy
	if sum, err := l.run(Options{Delete: true, Workers: 1}); err != nil || sum.Failed != 1 || sum.Deleted != 1 {
		t.Errorf("%+v, %v", sum, err)
	}
	if row := l.rows(1)[0]; row.State != manifest.Failed || !row.Unvouched || row.Copy.Audio.Key != before.Audio.Key || !row.Copy.ArchivedAt.Equal(before.ArchivedAt) {
		t.Errorf("%+v", row)
	}
	l.account.Remove(1)
	if sum, err := l.run(Options{Delete: true, Workers: 1}); err != nil || !sum.Complete() {
		t.Errorf("%+v, %v", sum, err)
	}
	row := l.rows(1)[0]
	if row.State != manifest.Purged || !row.Unvouched || row.Copy.Audio.Key != before.Audio.Key {
		t.Errorf("%+v", row)
	}
	// Its receipt says what it was: the next rebuilding doesn't take it for more.
	if !slices.ContainsFunc(l.receipts(), func(e receipt.Entry) bool { return e.ID == 1 && e.Type == receipt.Intent && e.Found }) {
		t.Error("the receipt doesn't say that the copy was found")
	}
	key, err := os.ReadFile(sqlite.KeyFile(l.path))
	if err != nil {
		t.Fatal(err)
	}
	signer, err := receipt.ParseKey(string(key))
	if err != nil {
		t.Fatal(err)
	}
	l.rebuild(func(o *rebuild.Options) { o.Keys = []string{signer.Verifier()} })
	if one, two := l.rows(1)[0], l.rows(2)[0]; !one.Unvouched || one.State != manifest.Purged || two.Unvouched {
		t.Errorf("made anew once more: %+v, %+v", one, two)
	}
	// VBC shows it again: it is compared.
	l.fault = nil
	l.account.Add(all[0])
	if sum, err := l.run(Options{Delete: true, Workers: 1}); err != nil || sum.Deleted != 1 || sum.Downloads != 1 {
		t.Errorf("%+v, %v", sum, err)
	}
	l.nothingLost(all)
}

// receipts are the entries of the manifest's own log.
func (l *lab) receipts() (all []receipt.Entry) {
	l.t.Helper()
	m, err := sqlite.OpenReadOnly(l.t.Context(), l.path)
	if err != nil {
		l.t.Fatal(err)
	}
	defer m.Close()
	c := receipt.Chain{}
	for line, err := range m.Receipts(l.t.Context(), 0) {
		e, broken := c.Next(bytes.TrimSuffix(line, []byte("\n")))
		if err != nil || broken != nil {
			l.t.Fatal(err, broken)
		}
		all = append(all, e)
	}
	return all
}

// The age of a copy that is what VBC sends counts from when it was archived; that of
// one which isn't, from now.
func TestFoundCopyKeepsItsAge(t *testing.T) {
	t.Parallel()
	l, all := foundAndPlanted(t)
	db, err := sql.Open("sqlite", l.path)
	if err == nil {
		_, err = db.Exec("UPDATE recording SET archived_at = archived_at - 864000000")
	}
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	sum, err := l.run(Options{Delete: true, DeleteAfter: 7 * 24 * time.Hour, Workers: 1})
	if err != nil || sum.Deleted != 1 || sum.Skipped != 1 || l.has(all[0]) || !l.has(all[1]) {
		t.Errorf("%+v, %v", sum, err)
	}
	l.nothingLost(all)
}

// What was found comes by export where that is worth it.
func TestFoundCopyComesByExport(t *testing.T) {
	t.Parallel()
	l := newLab(t, "directory")
	all := l.fillMany()
	if sum, err := l.run(Options{Workers: 1}); err != nil || sum.Failed != 0 {
		t.Fatalf("%+v, %v", sum, err)
	}
	l.rebuild()
	sum, err := l.run(Options{Delete: true, Fetch: FetchExport, ExportLimit: 1 << 30, Workers: 1})
	if err != nil || sum.Failed != 0 || sum.Exported == 0 || sum.Downloads > 3 || sum.Deleted == 0 {
		t.Errorf("%+v, %v", sum, err)
	}
	l.nothingLost(all)
}

// What was found, and was archived anew for another reason, isn't compared after that.
func TestFoundCopyThatWasToldApart(t *testing.T) {
	t.Parallel()
	l, all := foundAndPlanted(t)
	db, err := sql.Open("sqlite", l.path)
	if err == nil {
		_, err = db.Exec("UPDATE recording SET alike = 1 WHERE id = 2") // it may have another one's audio
	}
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	if sum, err := l.run(Options{Delete: true, Workers: 1}); err != nil || sum.Deleted != 2 || sum.Failed != 0 {
		t.Errorf("%+v, %v", sum, err)
	}
	if l.audio != 4 { // one to compare the first; to tell the second apart, to store it, and to store it beside
		t.Errorf("%d downloads", l.audio)
	}
	l.allDone(all)
}

// A copy beside its own name is looked for there.
func TestFoundCopyBeside(t *testing.T) {
	t.Parallel()
	l := newLab(t, "directory")
	all := l.fill()
	if _, err := l.clean.Put(t.Context(), l.stem(all[0])+".mp3", storage.Body{Reader: strings.NewReader("somebody's"), Size: 10}, storage.Attrs{}); err != nil {
		t.Fatal(err)
	}
	if sum, err := l.run(Options{Workers: 1}); err != nil || sum.Archived != 2 {
		t.Fatalf("%+v, %v", sum, err)
	}
	l.rebuild()
	if sum, err := l.run(Options{Delete: true, Workers: 1}); err != nil || sum.Deleted != 2 || sum.Downloads != 2 {
		t.Errorf("%+v, %v; want one download of each", sum, err)
	}
	if row := l.rows(1)[0]; !layout.IsBeside(row.Copy.Audio.Key) || row.Unvouched {
		t.Errorf("%+v", row)
	}
	l.allDone(all)
}
