package check

import (
	"context"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/archive"
	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/ledger"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/dirstore"
	"github.com/vbcvault/vbcvault/vbc"
)

const account = "549825"

// keeper is a manifest that works on an archive in a directory.
type keeper struct {
	t    *testing.T
	m    *sqlite.Manifest
	at   *dirstore.Store
	dir  string
	runs int64
}

// keep makes a manifest for the archive in dir.
func keep(t *testing.T, dir string) *keeper {
	t.Helper()
	at, err := dirstore.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { at.Close() })
	m, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "m"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return &keeper{t: t, m: m, at: at, dir: dir}
}

// night adds entries to the log, and stores them.
func (k *keeper) night(entries ...receipt.Entry) {
	k.t.Helper()
	a, err := archive.Settle(k.t.Context(), k.at, k.m, slog.New(slog.DiscardHandler), account, archive.Options{})
	if err != nil {
		k.t.Fatal(err)
	}
	k.runs++
	for _, e := range entries {
		e.Run = k.runs
		if err := k.m.AddReceipt(k.t.Context(), e); err != nil {
			k.t.Fatal(err)
		}
	}
	if err := a.StoreReceipts(k.t.Context(), k.runs); err != nil {
		k.t.Fatal(err)
	}
}

// audited fails unless an audit finds just this, what is wrong and what is remarked.
func (k *keeper) audited(wrong, remarks []string) {
	k.t.Helper()
	a, err := Audit(k.t.Context(), k.m, k.at)
	if err != nil {
		k.t.Fatal(err)
	}
	for i, want := range [][]string{wrong, remarks} {
		var got []string
		for _, f := range a.Findings {
			if f.Wrong == (i == 0) {
				got = append(got, f.Code)
			}
		}
		slices.Sort(got)
		if got = slices.Compact(got); !slices.Equal(got, want) {
			k.t.Errorf("wrong is %v: it finds %q, want %q: %+v", i == 0, got, want, a.Findings)
		}
	}
}

func about(kind receipt.Type, id int64) receipt.Entry {
	r := vbc.Recording{Account: account, Kind: vbc.Company, ID: id, Start: time.Unix(1_700_000_000, 0)}
	e := receipt.New(kind, 0, r)
	o := storage.Object{Key: "k", Content: storage.Content{Size: 3, SHA256: storage.SumOf([]byte("abc"))}}
	switch kind {
	case receipt.Result:
		e.Outcome = receipt.NotSent
	case receipt.Intent:
		e.Audio, e.Sidecar, e.Verified = &o, &o, time.Now().UTC()
	default:
		e.Audio, e.Sidecar = &o, &o
	}
	return e
}

// sees is the entry of a manifest that has seen a log beside its archive.
func (k *keeper) sees(chain string) receipt.Entry {
	k.t.Helper()
	logs, err := ledger.Read(k.t.Context(), k.at, account, receipt.Keys{}, func(c string) bool { return c == chain })
	if err != nil || len(logs.Logs) != 1 {
		k.t.Fatal(logs, err)
	}
	g := logs.Logs[0]
	return receipt.Entry{
		Type: receipt.Seen, At: time.Now().UTC(), Account: account,
		Log: &receipt.SeenLog{Chain: g.Chain, Size: g.Last, Head: g.Head, Root: g.Tree.Root()},
	}
}

func (k *keeper) chain() string {
	k.t.Helper()
	c, err := k.m.Chain(k.t.Context())
	if err != nil {
		k.t.Fatal(err)
	}
	return c.ID
}

// removeLast removes the last object of a log.
func (k *keeper) removeLast(chain string) {
	k.t.Helper()
	files, err := filepath.Glob(filepath.Join(k.dir, "receipts", "account="+account, "chain="+chain, "0*"))
	if err != nil || len(files) == 0 {
		k.t.Fatal(files, err)
	}
	if err := os.Remove(files[len(files)-1]); err != nil {
		k.t.Fatal(err)
	}
}

func (k *keeper) trust(other *keeper) {
	k.t.Helper()
	verifier, err := other.m.Verifier(k.t.Context())
	if err == nil {
		err = k.m.Trust(k.t.Context(), manifest.Trusted{Verifier: verifier, Reason: "r", By: "b", At: time.Now()})
	}
	if err != nil {
		k.t.Fatal(err)
	}
}

func attempts() []receipt.Entry {
	return []receipt.Entry{about(receipt.Intent, 1), about(receipt.Result, 1)}
}

// A log that the own one has confirmed needn't be signed by anybody who is known, and
// can't become shorter or another one, whatever the manifest's tables say.
func TestConfirmedLog(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	k, other := keep(t, dir), keep(t, dir)
	k.night()
	other.night(attempts()...)
	other.night(attempts()...)
	k.audited([]string{code.UnknownLog}, nil)
	k.night(k.sees(other.chain()))
	k.audited(nil, []string{code.UnvouchedLog})
	if err := k.m.SeeTips(t.Context(), []string{other.chain()}, nil); err != nil { // as who covers tracks
		t.Fatal(err)
	}
	k.audited(nil, []string{code.UnvouchedLog})
	other.removeLast(other.chain())
	k.audited([]string{code.OtherShorter, code.UnknownLog}, nil)
	other.removeLast(other.chain())
	k.audited([]string{code.OtherShorter}, nil)
}

// What a trusted log has confirmed binds the manifest's own.
func TestConfirmedByAnother(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	k, other := keep(t, dir), keep(t, dir)
	k.night(attempts()...)
	other.night(other.sees(k.chain()))
	k.audited([]string{code.UnknownLog}, nil)
	k.trust(other)
	k.audited(nil, nil)
	k.night(attempts()...)
	k.audited(nil, nil)

	wrong := other.sees(k.chain())
	wrong.Log.Root[0] ^= 1
	wrong.Log.Size = 3
	other.night(wrong)
	k.audited([]string{code.LogShorter}, nil)
}

// An erasure with an end and no beginning, and an outcome without an intent, are
// named; the beginning may be in another log.
func TestHalfAStory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	k, other := keep(t, dir), keep(t, dir)
	k.night(about(receipt.Erased, 7))
	k.audited([]string{code.NoErasing, code.RowMissing}, nil)
	begin := about(receipt.Erasing, 7)
	begin.Digest = storage.SumOf([]byte("why"))
	other.night(begin)
	k.trust(other)
	k.audited([]string{code.ErasureText, code.RowMissing}, nil)
	if _, err := k.at.Put(t.Context(), layout.ErasureKey(account, []byte("why")), bodyOf("why"), storage.Attrs{}); err != nil {
		t.Fatal(err)
	}
	k.audited([]string{code.RowMissing}, nil)
	alone := about(receipt.Result, 8)
	alone.Outcome = receipt.Deleted
	k.night(alone)
	k.audited([]string{code.NoIntent, code.RowMissing}, nil)
}

// A manifest that was restored finds out again what became of a deletion. Only what was
// there again in between needs another intent.
func TestGoneAgain(t *testing.T) {
	t.Parallel()
	k := keep(t, t.TempDir())
	outcome := func(o receipt.Outcome) receipt.Entry {
		e := about(receipt.Result, 7)
		e.Outcome = o
		return e
	}
	k.night(about(receipt.Intent, 7), outcome(receipt.Deleted))
	k.night(outcome(receipt.NotThere))
	k.audited([]string{code.RowMissing}, nil)
	k.night(outcome(receipt.StillThere))
	k.night(outcome(receipt.NotThere))
	k.audited([]string{code.NoIntent, code.RowMissing}, nil)
}

// The end of a hold needs the receipt of just this text, in a log that counts; a hold of
// another machine that isn't known yet is none of the manifest's faults.
func TestHoldsOfOtherMachines(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	k, other := keep(t, dir), keep(t, dir)
	k.night()
	other.night()
	k.trust(other)
	h, err := other.m.AddHold(t.Context(), manifest.Hold{IDs: []int64{1}, Reason: "r", By: "b"})
	if err != nil {
		t.Fatal(err)
	}
	other.night()
	k.audited(nil, []string{code.HoldNew})
	k.night()
	k.audited(nil, nil)
	if _, err := other.m.RemoveHold(t.Context(), h.Number, "r", "b"); err != nil {
		t.Fatal(err)
	}
	other.night()
	k.audited(nil, nil)
	k.night()
	k.audited(nil, nil)
	files, err := filepath.Glob(filepath.Join(dir, "holds", "*", "*.removed.json"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	if err := os.WriteFile(files[0], []byte("something else"), 0o600); err != nil {
		t.Fatal(err)
	}
	k.audited([]string{code.HoldText}, nil)
}

// Memory doesn't depend on how many recordings there are.
func TestAuditInFlatMemory(t *testing.T) {
	const n = 200_000
	var all aside
	defer all.close()
	intent, result := about(receipt.Intent, 1), about(receipt.Result, 1)
	result.Outcome = receipt.Deleted
	own := source{own: true, signed: true}
	row := manifest.Row{State: manifest.Purged, Copy: manifest.Copy{Audio: *intent.Audio, Sidecar: *intent.Sidecar}}
	row.Kind, row.Start = intent.Kind, time.Unix(1_700_000_000, 0)
	for i := range int64(n) {
		intent.ID, result.ID, row.ID = i, i, i
		err := all.tell(intent, 1_700_000_000, own, false)
		if err == nil {
			err = all.tell(result, 1_700_000_000, own, false)
		}
		if err == nil && i%1000 != 7 {
			err = all.row(row)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	if s.HeapAlloc > 12<<20 {
		t.Errorf("%d MiB for %d recordings", s.HeapAlloc>>20, n)
	}
	var v verdict
	if err := all.replay(&v); err != nil {
		t.Fatal(err)
	}
	if v.missing.count != n/1000 || len(v.wrong) > 0 || len(v.missing.first) != namedRows || v.missing.first[0].order != 16 {
		t.Errorf("%+v", v)
	}
}

func bodyOf(text string) storage.Body {
	return storage.Body{Reader: strings.NewReader(text), Size: int64(len(text))}
}

// busy is a manifest that a run is using: it deletes a recording at VBC right before
// the rows are read.
type busy struct {
	Manifest
	between func()
}

func (b busy) InOrder(ctx context.Context) iter.Seq2[manifest.Row, error] {
	b.between()
	return b.Manifest.InOrder(ctx)
}

// What a run adds to the log while an audit reads the manifest is no contradiction.
func TestAuditBesideARun(t *testing.T) {
	t.Parallel()
	k := keep(t, t.TempDir())
	k.night(attempts()...)
	all := []vbc.Recording{vbc.ParseRecording(vbc.Company, "", manifest.Bare(7, time.Unix(1_700_000_000, 0), 3))}
	all[0].Account = account
	if _, err := k.m.Add(t.Context(), 1, all); err != nil {
		t.Fatal(err)
	}
	intent, outcome := about(receipt.Intent, 7), about(receipt.Result, 7)
	outcome.Outcome = receipt.Deleted
	copied := manifest.Copy{Audio: *intent.Audio, Sidecar: *intent.Sidecar, StoredAt: time.Now()}
	copied.Audio.Proof, copied.Sidecar.Proof = storage.ProofRead, storage.ProofRead
	intent.Audio, intent.Sidecar = &copied.Audio, &copied.Sidecar
	deletes := func() {
		err := k.m.Stored(t.Context(), all[0], copied)
		if err == nil {
			err = k.m.Purging(t.Context(), all[0], copied, intent, false)
		}
		if err == nil {
			err = k.m.Purged(t.Context(), all[0], outcome)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	a, err := Audit(t.Context(), busy{k.m, deletes}, k.at)
	if err != nil || !a.Intact() {
		t.Errorf("%+v, %v", a.Findings, err)
	}
	k.audited(nil, nil)
}
