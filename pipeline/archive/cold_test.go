package archive

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/refusal"
	"github.com/vbcvault/vbcvault/storage"
)

// freezer is a store in which some objects are where they can't be read.
type freezer struct {
	storage.Destination

	frozen func(key string) bool
	err    error
}

func (f *freezer) Open(ctx context.Context, o storage.Object) (io.ReadCloser, error) {
	if f.frozen(o.Key) {
		return nil, f.err
	}
	return f.Destination.Open(ctx, o)
}

// What can't be read stops no run, unless it may be what the manifest lacks; then the
// refusal names it and says how to go on. A rule of the bucket may move receipts to cold
// storage, and anybody who may write can put an object there.
func TestReceiptsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		err  error
		code string
	}{"cold": {storage.ErrCold, code.Cold}, "denied": {storage.ErrRefused, code.StoreRefused}} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			at, dir := openDir(t)
			store := &freezer{at, func(string) bool { return false }, c.err}
			k, other := newKeeper(t, store), newKeeper(t, store)
			k.quiet(2)
			other.quiet(2)
			k.unsign(t, dir)
			other.unsign(t, dir)
			store.frozen = func(key string) bool { return strings.Contains(key, "receipts/") }
			k.quiet(1) // by an earlier program, it can only be unsigned
			k.quiet(1)

			digest := k.removedBy(t, other)
			if doubts, err := k.night(0, Options{}); err != nil || len(doubts) != 1 || len(k.inForce()) != 1 {
				t.Errorf("the end of a hold whose release can't be read: %q, %v, in force: %+v", doubts, err, k.inForce())
			}
			store.frozen = func(string) bool { return false }
			k.trust(t, other)
			k.quiet(0)
			if len(k.inForce()) != 0 {
				t.Errorf("hold %s is in force", digest)
			}

			planted := forge(t, store, k.chain(), nil, 1)
			store.frozen = func(key string) bool { return key == planted.Key(testAccount) }
			_, err := k.night(0, Options{})
			if refusal.Code(err) != c.code || !strings.Contains(refusal.Hint(err), planted.Key(testAccount)) {
				t.Errorf("what may be the manifest's: %v, %s", err, refusal.Hint(err))
			}
			store.frozen = func(key string) bool { return false }
			if doubts, err := k.night(0, Options{}); err != nil || len(doubts) != 1 {
				t.Errorf("restored: %q, %v", doubts, err)
			}
		})
	}
}

// removedBy has another manifest remove a hold that this one has made.
func (k *keeper) removedBy(t *testing.T, other *keeper) storage.Digest {
	t.Helper()
	m := k.open()
	h, err := m.AddHold(t.Context(), manifest.Hold{IDs: []int64{7}, Reason: "why", By: "who"})
	m.Close()
	if err != nil {
		t.Fatal(err)
	}
	k.quiet(0)
	other.quiet(0)
	m = other.open()
	defer m.Close()
	if _, err := m.RemoveHold(t.Context(), 1, "over", "counsel"); err != nil {
		t.Fatal(err)
	}
	m.Close()
	other.quiet(0)
	return h.Digest
}

func (k *keeper) inForce() []manifest.Hold {
	k.t.Helper()
	m := k.open()
	defer m.Close()
	all, err := m.Holds(k.t.Context())
	if err != nil {
		k.t.Fatal(err)
	}
	return manifest.InForce(all)
}

// trust has this manifest take the word of another.
func (k *keeper) trust(t *testing.T, other *keeper) {
	t.Helper()
	theirs := other.open()
	verifier, err := theirs.Verifier(t.Context())
	theirs.Close()
	if err != nil {
		t.Fatal(err)
	}
	m := k.open()
	defer m.Close()
	if err := m.Trust(t.Context(), manifest.Trusted{Verifier: verifier, Reason: "ours", By: "who", At: time.Unix(1, 0)}); err != nil {
		t.Fatal(err)
	}
}
