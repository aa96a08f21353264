package pipeline

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/vbcvault/vbcvault/pipeline/check"
	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/ledger"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/pipeline/rebuild"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/pipeline/refusal"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// histories are random ones of two machines that work on one archive: nights with
// faults and deaths, holds, manifests that are backed up, restored, copied to the
// other machine, lost with their key or without, and rebuilt.
type histories struct {
	*lab
	rt       *rapid.T
	machines []string            // paths of their manifests
	keys     []string            // verifiers of all that they have ever had
	forks    bool                // a state of a manifest has gone on in two ways
	ever     []vbctest.Recording // all that VBC has ever had
}

// Whatever happens to manifests, in whatever order: every deletion stays provable by
// what lies in the archive, with keys that the machines have had; and no audit calls
// any of it forged.
func TestHonestHistoriesAreNeverCalledForged(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		l := newLab(&checking{TB: t, rt: rt}, "directory")
		defer func() { _ = l.clean.(io.Closer).Close() }()
		h := &histories{lab: l, rt: rt, machines: []string{l.path + ".a", l.path + ".b"}}
		h.record(rapid.IntRange(1, 4).Draw(rt, "recordings"))
		for range rapid.IntRange(2, 9).Draw(rt, "events") {
			h.event(rapid.IntRange(0, len(h.machines)-1).Draw(rt, "machine"))
			l.nothingLost(h.ever)
		}
		for range 2 { // so that each sees what the other has done last
			for i := range h.machines {
				_, err := h.night(i, Options{Delete: true, RetryFailed: true})
				if h.forks && refusal.Code(err) == code.ReceiptsChanged { // a copy was faster: it says what to do
					h.lose(false)
					h.rebuild()
					_, err = h.night(i, Options{Delete: true, RetryFailed: true})
				}
				if err != nil {
					rt.Fatalf("the night that is left alone, on machine %d: %v", i, err)
				}
			}
		}
		for i := range h.machines {
			h.audit(i)
		}
		h.deletionsAreProvable()
	})
}

// event is something that happens on one machine.
func (h *histories) event(i int) {
	h.path = h.machines[i]
	backup := h.path + ".backup"
	switch rapid.IntRange(0, 11).Draw(h.rt, "event") {
	case 0, 1, 2, 3:
		h.badNight(i)
	case 4:
		_, _ = h.night(i, Options{Delete: true})
	case 5:
		h.carry(h.path, backup)
	case 6:
		if _, err := os.Stat(backup); err == nil && h.settled() {
			h.lose(true)
			h.carry(backup, h.path)
		}
	case 7:
		if h.settled() {
			h.lose(rapid.Bool().Draw(h.rt, "and its key"))
		}
	case 8:
		if h.settled() {
			h.lose(rapid.Bool().Draw(h.rt, "and its key"))
			h.rebuild()
		}
	case 9:
		to := h.machines[1-i]
		h.path = to
		if h.settled() {
			h.lose(true)
			h.carry(h.machines[i], to)
			h.forks = true // as long as they don't take turns
		}
	case 10:
		h.record(2)
	case 11:
		h.hold()
	}
}

// record has VBC make recordings.
func (h *histories) record(n int) {
	old := h.cutoff.AddDate(-1, 0, 0).Truncate(time.Second)
	for range n {
		id := int64(len(h.ever) + 1)
		r := vbctest.Recording{ID: id, Start: old.Add(time.Duration(id) * time.Minute), Size: 300 + id}
		h.account.Add(r)
		h.ever = append(h.ever, h.found(r))
	}
}

// badNight is a run with faults, which may die.
func (h *histories) badNight(i int) {
	rate, death := rapid.IntRange(0, 20).Draw(h.rt, "faults in a hundred"), rapid.IntRange(1, 150).Draw(h.rt, "dies at step")
	fates := rapid.SliceOfN(rapid.IntRange(0, 99), 20, 20).Draw(h.rt, "fates")
	h.reset(func(step int) (fate, bool) {
		f := fine
		if x := fates[step%len(fates)]; x < rate {
			f = []fate{lost, sealed, doneButLost}[x%3]
		}
		return f, step == death
	})
	_, _ = h.night(i, Options{Delete: rapid.Bool().Draw(h.rt, "delete"), Workers: rapid.IntRange(1, 3).Draw(h.rt, "workers"), MaxFailures: 20})
	h.reset(nil)
}

// night is a run on one machine, whose manifest trusts the keys of the other.
func (h *histories) night(i int, o Options) (Summary, error) {
	h.path = h.machines[i]
	h.withManifest(func(ctx context.Context, m *sqlite.Manifest) error {
		own, err := m.Verifier(ctx)
		if !slices.Contains(h.keys, own) {
			h.keys = append(h.keys, own)
		}
		return errors.Join(err, h.trust(ctx, m))
	})
	return h.run(o)
}

func (h *histories) trust(ctx context.Context, m *sqlite.Manifest) error {
	for _, key := range h.keys {
		if err := m.Trust(ctx, manifest.Trusted{Verifier: key, Reason: "ours", By: "who", At: time.Unix(1, 0)}); err != nil {
			return err
		}
	}
	return nil
}

// withManifest opens the manifest of the machine that is at work.
func (h *histories) withManifest(do func(context.Context, *sqlite.Manifest) error) {
	h.t.Helper()
	m, err := sqlite.Open(context.Background(), h.path)
	if err != nil {
		h.t.Fatal(err)
	}
	defer m.Close()
	if err := do(context.Background(), m); err != nil {
		h.t.Fatal(err)
	}
}

// settled reports whether all receipts of a manifest lie beside the archive. What
// dies with its only copy can't be proven by anybody.
func (h *histories) settled() (all bool) {
	h.withManifest(func(ctx context.Context, m *sqlite.Manifest) error {
		c, err := m.Chain(ctx)
		if err != nil {
			return err
		}
		stored, err := m.ReceiptsStored(ctx)
		if err != nil {
			return err
		}
		holds, err := m.HoldsSettled(ctx)
		all = stored == c.Last && holds
		return err
	})
	return all
}

// lose takes a machine's manifest away.
func (h *histories) lose(key bool) {
	h.forget()
	if err := os.Remove(h.path + ".key"); key && err != nil && !errors.Is(err, fs.ErrNotExist) {
		h.t.Fatal(err)
	}
}

// carry copies a manifest with its key.
func (h *histories) carry(from, to string) {
	if _, err := os.Stat(from); err != nil {
		return // there is none yet
	}
	h.copyManifest(from, to)
	key, err := os.ReadFile(sqlite.KeyFile(from))
	if err == nil {
		err = os.WriteFile(sqlite.KeyFile(to), key, 0o600)
	}
	if err != nil {
		h.t.Fatal(err)
	}
}

// rebuild makes the machine's manifest anew, by somebody who knows all keys.
func (h *histories) rebuild() {
	err := sqlite.Create(context.Background(), h.path, func(m *sqlite.Manifest) error {
		if err := h.trust(context.Background(), m); err != nil {
			return err
		}
		_, err := rebuild.Into(context.Background(), h.clean, m, slog.New(slog.DiscardHandler), rebuild.Options{Account: "549825"})
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

// hold adds a hold, or removes the first that is in force; and somebody listens.
func (h *histories) hold() {
	h.withManifest(func(ctx context.Context, m *sqlite.Manifest) error {
		all, err := m.Holds(ctx)
		if force := manifest.InForce(all); err == nil && len(force) > 0 {
			_, err = m.RemoveHold(ctx, force[0].Number, "over", "who")
		} else if err == nil {
			_, err = m.AddHold(ctx, manifest.Hold{IDs: []int64{1, 2}, Reason: "why", By: "who"})
		}
		_, e := m.AddListening(ctx, manifest.Listening{Kind: vbc.Company, ID: 1, Who: "eve", How: manifest.Played})
		if errors.Is(e, manifest.ErrUnbound) {
			e = nil // nothing has been archived yet
		}
		return errors.Join(err, e)
	})
}

// audit looks at one machine's receipts, and at all that the archive has.
func (h *histories) audit(i int) {
	h.path = h.machines[i]
	h.withManifest(func(ctx context.Context, m *sqlite.Manifest) error {
		a, err := check.Audit(ctx, m, h.clean)
		for _, f := range a.Findings {
			if f.Wrong && (!h.forks || f.Code != code.Fork) {
				h.t.Errorf("machine %d: %s: %s", i, f.Code, f.Means)
			}
		}
		return err
	})
}

// deletionsAreProvable looks for a signed receipt of each recording that VBC has no
// more, with a copy that is there and whole.
func (h *histories) deletionsAreProvable() {
	keys, err := receipt.NewKeys(h.keys...)
	if err != nil {
		h.t.Fatal(err)
	}
	logs, err := ledger.Read(context.Background(), h.clean, "549825", keys, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	proven := map[storage.Digest]bool{}
	for _, g := range logs.Logs {
		for line, err := range logs.Lines(context.Background(), g) {
			if err != nil {
				h.t.Fatal(err)
			}
			if !line.Signed || line.Audio == nil || proven[line.Audio.SHA256] {
				continue
			}
			body, err := readAll(h.clean, storage.Object{Key: line.Audio.Key})
			proven[line.Audio.SHA256] = err == nil && storage.SumOf(body) == line.Audio.SHA256
		}
	}
	for _, rec := range h.ever {
		if !h.has(rec) && !proven[sumOf(rec)] {
			h.t.Errorf("the deletion of recording %d can't be proven", rec.ID)
		}
	}
}
