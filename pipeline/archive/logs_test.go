package archive

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/pipeline/refusal"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/storagetest"
)

// Receipts that are gone from the archive are stored again, they and no others, and that
// they were gone is said once. Where they can't be stored, the run goes on.
func TestMissingReceiptsAreStoredAgain(t *testing.T) {
	t.Parallel()
	at, dir := openDir(t)
	deny := false
	store := &storagetest.Faulty{Destination: at, Hook: func(op storagetest.Op, _ string) storagetest.Fault {
		if op == storagetest.OpPut && deny {
			return storagetest.NotApplied
		}
		return storagetest.None
	}}
	k := newKeeper(t, store)
	for range 6 {
		k.quiet(2)
	}
	files, err := filepath.Glob(filepath.Join(dir, "receipts/*/*/*.jsonl"))
	if err != nil || len(files) != 6 || os.Remove(files[1]) != nil || os.Remove(files[3]) != nil || os.Remove(files[5]) != nil {
		t.Fatal(files, err)
	}
	deny = true
	for range 2 {
		if doubts, err := k.night(0, Options{}); err != nil || len(doubts) != 1 || !strings.Contains(doubts[0], "3 to 4, and others in 2 more") {
			t.Errorf("%q, %v", doubts, err)
		}
	}
	deny = false
	before := store.Count(storagetest.OpPut)
	if doubts, err := k.night(0, Options{}); err != nil || len(doubts) != 1 || !strings.Contains(doubts[0], "3 to 4, and others in 2 more") {
		t.Errorf("%q, %v", doubts, err)
	}
	if n := store.Count(storagetest.OpPut) - before; n != 3 {
		t.Errorf("%d objects were stored, want the 3 that were gone", n)
	}
	k.quiet(0)
	if again, err := filepath.Glob(filepath.Join(dir, "receipts/*/*/*.jsonl")); err != nil || !slices.Equal(again, files) {
		t.Errorf("%q, and there were %q", again, files)
	}
	if logs := readLogs(t, k); len(logs.Logs) != 1 || logs.Logs[0].Signed != 12 || len(logs.Strays) != 0 {
		t.Errorf("%+v", logs.Logs)
	}
}

// The log of a manifest that is trusted can't become shorter once it was seen, whatever
// somebody puts behind it; that of another is missed once. Where the archive has moved
// without it, it is forgotten.
func TestOthersLogIsShorter(t *testing.T) {
	t.Parallel()
	for _, trusted := range []bool{true, false} {
		at, dir := openDir(t)
		k, other := newKeeper(t, at), newKeeper(t, at)
		other.quiet(2)
		k.quiet(1)
		if trusted {
			k.trust(t, other)
		}
		other.quiet(1)
		k.quiet(1)
		planted := forge(t, at, other.chain(), nil, 1)
		k.quiet(1)
		files, err := filepath.Glob(filepath.Join(dir, "receipts/*/chain="+other.chain().ID+"/*.jsonl"))
		if err != nil || len(files) != 3 || !strings.HasSuffix(planted.Key(testAccount), filepath.Base(files[2])) {
			t.Fatal(files, err)
		}
		for _, file := range files[1:] {
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
		}
		for night := range 3 { // until it is there again
			doubts, err := k.night(1, Options{})
			if err != nil || len(doubts) > 0 != (trusted || night == 0) || len(doubts) > 0 && !strings.Contains(doubts[0], other.chain().ID) {
				t.Errorf("trusted: %v, night %d: %q, %v", trusted, night, doubts, err)
			}
		}
		if trusted {
			if doubts, err := k.night(0, Options{Moved: true}); err != nil || len(doubts) > 0 {
				t.Errorf("it has moved: %q, %v", doubts, err)
			}
			k.quiet(1)
		}
		if _, err := other.night(0, Options{}); err != nil { // which stores it again
			t.Fatal(err)
		}
		k.quiet(1)
	}
}

// seeing counts how often ends of logs are written down.
type seeing struct {
	*sqlite.Manifest
	times int
}

func (s *seeing) SeeTips(ctx context.Context, chains []string, tips []manifest.Tip) error {
	s.times++
	return s.Manifest.SeeTips(ctx, chains, tips)
}

// What was seen is written down once, however many ends a log has, and in whatever
// order the archive lists them.
func TestTipsAreWrittenOnce(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, open(t, "directory"))
	k.quiet(1)
	for n := range int64(5) { // all end with entry 5, and their names have nothing to do with their heads
		forge(t, k.at, receipt.Chain{ID: "FORK", Last: n, Head: storage.SumOf([]byte{byte(n)})}, nil, int(5-n))
	}
	m := &seeing{Manifest: k.open()}
	defer m.Close()
	for range 3 {
		if _, err := Settle(t.Context(), k.at, m, slog.New(slog.DiscardHandler), testAccount, Options{}); err != nil {
			t.Fatal(err)
		}
	}
	if tips, _, err := m.Tips(t.Context()); err != nil || len(tips) != 5 || m.times != 1 {
		t.Errorf("%+v, %v, written %d times", tips, err, m.times)
	}
}

// Without the key that a manifest was made with nothing is stored, and nothing new is
// made in its place.
func TestMissingKey(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, open(t, "directory"))
	k.quiet(1)
	secret, err := os.ReadFile(k.path + ".key")
	if err != nil {
		t.Fatal(err)
	}
	for _, what := range []string{"missing", "another"} {
		if err := os.Remove(k.path + ".key"); err != nil {
			t.Fatal(err)
		}
		other, err := receipt.NewKey()
		if err == nil && what == "another" {
			err = sqlite.WriteKey(k.path+".key", other)
		}
		if err != nil {
			t.Fatal(err)
		}
		_, err = k.night(1, Options{})
		if refusal.Code(err) != code.NoKey || strings.Contains(err.Error(), strings.TrimSpace(string(secret))) || k.chain().Last != 1 {
			t.Errorf("%s: %v", what, err)
		}
		if err := os.WriteFile(k.path+".key", secret, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	k.quiet(1)
}

// The end of a hold in the archive counts with its signed release alone: that of the
// own log, or of one whose key somebody trusts.
func TestEndOfAHoldNeedsItsRelease(t *testing.T) {
	t.Parallel()
	at := open(t, "directory")
	k, other := newKeeper(t, at), newKeeper(t, at)
	on := func(k *keeper, do func(context.Context, *sqlite.Manifest) error) {
		t.Helper()
		m := k.open()
		defer m.Close()
		if err := do(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	inForce := func() (n int) {
		on(k, func(ctx context.Context, m *sqlite.Manifest) error {
			all, err := m.Holds(ctx)
			n = len(manifest.InForce(all))
			return err
		})
		return n
	}
	k.quiet(1)
	on(k, func(ctx context.Context, m *sqlite.Manifest) error {
		_, err := m.AddHold(ctx, manifest.Hold{IDs: []int64{7}, Reason: "why", By: "who"})
		return err
	})
	k.quiet(0)
	var digest storage.Digest
	on(k, func(ctx context.Context, m *sqlite.Manifest) error {
		all, err := m.Holds(ctx)
		digest = all[0].Digest
		return err
	})
	text, err := json.Marshal(manifest.Removal{Hold: digest, Reason: "none", By: "nobody", At: time.Unix(1, 0)})
	if err != nil {
		t.Fatal(err)
	}
	a := &Archive{store: at, log: slog.New(slog.DiscardHandler), account: testAccount}
	planted := manifest.HoldText{Hold: digest, Ended: true, Text: text}
	if err := a.putProven(t.Context(), layout.HoldKey(testAccount, planted), text, "application/json"); err != nil {
		t.Fatal(err)
	}
	if doubts, err := k.night(0, Options{}); err != nil || len(doubts) != 1 || inForce() != 1 {
		t.Fatalf("%q, %v, in force: %d", doubts, err, inForce())
	}
	// Another machine removes it: its words lie beside the planted ones.
	other.night(0, Options{})
	on(other, func(ctx context.Context, m *sqlite.Manifest) error {
		_, err := m.RemoveHold(ctx, 1, "over", "counsel")
		return err
	})
	if _, err := other.night(0, Options{}); err != nil {
		t.Fatal(err)
	}
	if doubts, err := k.night(0, Options{}); err != nil || len(doubts) != 1 || inForce() != 1 {
		t.Fatalf("of an unknown key: %q, %v, in force: %d", doubts, err, inForce())
	}
	var verifier string
	on(other, func(ctx context.Context, m *sqlite.Manifest) (err error) {
		verifier, err = m.Verifier(ctx)
		return err
	})
	on(k, func(ctx context.Context, m *sqlite.Manifest) error {
		return m.Trust(ctx, manifest.Trusted{Verifier: verifier, Reason: "ours", By: "who", At: time.Unix(1, 0)})
	})
	k.quiet(0)
	if inForce() != 0 {
		t.Error("a hold that a trusted manifest has removed is in force")
	}
}
