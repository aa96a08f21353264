package manifesttest

import (
	"slices"
	"testing"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
)

// A manifest has a key from the beginning, and keeps it.
func oneKeyForEver(t *testing.T, places Places) {
	p := places(t)
	var first string
	for range 2 {
		m := open(t, p, nil)
		key, err := m.SigningKey()
		must(t, err)
		pinned, err := m.Verifier(t.Context())
		must(t, err)
		if key.Verifier() == "" || pinned != key.Verifier() || first != "" && first != pinned {
			t.Errorf("the key is %s, pinned is %s, it was %s", key, pinned, first)
		}
		first = pinned
		must(t, m.Close())
	}
	other := fresh(t, places)
	if key, err := other.SigningKey(); err != nil || key.Verifier() == first {
		t.Errorf("two manifests have one key, %v", err)
	}
}

// Keys that are trusted, ends of logs and what was signed last survive.
func whatIsKnownOfLogs(t *testing.T, places Places) {
	p := places(t)
	m := open(t, p, nil)
	key, err := receipt.NewKey()
	must(t, err)
	trusted := manifest.Trusted{Verifier: key.Verifier(), Reason: "why", By: "who", At: day}
	must(t, m.Trust(t.Context(), trusted))
	must(t, m.Trust(t.Context(), trusted))
	if tips, looked, err := m.Tips(t.Context()); err != nil || looked || len(tips) != 0 {
		t.Errorf("before anybody has looked: %v, %v, %v", tips, looked, err)
	}
	tip := func(chain string, last int64, first bool) manifest.Tip {
		return manifest.Tip{Chain: chain, Last: last, Head: storage.SumOf([]byte{byte(last)}), First: first, Known: last%2 == 0}
	}
	must(t, m.SeeTips(t.Context(), []string{"A", "B"}, []manifest.Tip{tip("A", 1, true), tip("B", 2, true)}))
	must(t, m.SeeTips(t.Context(), []string{"B", "C"}, []manifest.Tip{tip("B", 3, false), tip("B", 4, false), tip("C", 5, false)}))
	if m.Close() != nil {
		t.Error("it can't be closed")
	}
	m = open(t, p, nil)
	tips, looked, err := m.Tips(t.Context())
	want := []manifest.Tip{tip("A", 1, true), tip("B", 3, true), tip("B", 4, true), tip("C", 5, false)}
	if err != nil || !looked || !slices.Equal(tips, want) {
		t.Errorf("%v, %v, %v; want %v", tips, looked, err, want)
	}
	if all, err := m.Trusted(t.Context()); err != nil || !slices.Equal(all, []manifest.Trusted{trusted}) {
		t.Errorf("trusted are %v, %v", all, err)
	}
	if signed, err := m.Checkpoint(t.Context()); err != nil || signed != nil {
		t.Errorf("nothing was signed, and it has %q, %v", signed, err)
	}
}

// The end of a hold that the archive has counts once its release is known, and only
// with the very words that were released.
func releaseEndsAHold(t *testing.T, places Places) {
	m := fresh(t, places)
	h := hold(t, m, 1)
	end := func(text string) manifest.HoldText {
		return manifest.HoldText{Hold: h.Digest, Ended: true, Text: []byte(`{"hold":"` + h.Digest.String() + `","reason":"` + text + `","at":"2026-01-01T00:00:00Z"}`)}
	}
	inForce := func(want bool, when string) {
		t.Helper()
		if all, err := m.Holds(t.Context()); err != nil || len(all) != 1 || (all[0].Removed == nil) != want {
			t.Errorf("%s: %+v, %v", when, all, err)
		}
	}
	must(t, m.LearnHold(t.Context(), end("over")))
	inForce(true, "without a release")
	must(t, m.Release(t.Context(), h.Digest, storage.SumOf(end("over").Text)))
	must(t, m.LearnHold(t.Context(), end("I say so")))
	inForce(true, "with other words")
	must(t, m.LearnHold(t.Context(), end("over")))
	inForce(false, "with its release")
	key, err := m.SigningKey()
	must(t, err)
	keys, err := receipt.NewKeys(key.Verifier())
	must(t, err)
	if texts, err := m.HoldTexts(t.Context()); err != nil || !keys.HoldEnd(h.Digest, storage.SumOf(end("over").Text), texts[0].Signed) {
		t.Errorf("its end isn't signed: %+v, %v", texts, err)
	}
	must(t, m.Revive(t.Context(), h.Digest))
	inForce(true, "revived")
	must(t, m.LearnHold(t.Context(), end("over")))
	inForce(false, "learned again")
	must(t, m.NoteHolds(t.Context(), 1))
	if c, err := m.Chain(t.Context()); err != nil || c.Last != 2 {
		t.Errorf("the chain has %d entries, and not the hold and its release, %v", c.Last, err)
	}
}
