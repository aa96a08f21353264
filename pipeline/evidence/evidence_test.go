package evidence_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/evidence"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// holds is a store that says what it holds.
type holds map[string]storage.Object

func (h holds) Stat(_ context.Context, want storage.Object) (storage.Object, error) {
	if want.Key == "down" {
		return storage.Object{}, errors.New("the store is down")
	}
	o, ok := h[want.Key]
	if !ok {
		return storage.Object{}, storage.ErrNotFound
	}
	return o, nil
}

func object(key, content string) storage.Object {
	return storage.Object{Key: key, Content: storage.Content{Size: int64(len(content)), SHA256: storage.SumOf([]byte(content))}}
}

var rec = vbc.Recording{Kind: vbc.Company, ID: 1, Account: "1"}

func TestVerifyBelievesTheStoreOnly(t *testing.T) {
	audio, side, text := object("a", "audio"), object("s", "sidecar"), object("t", "transcript")
	short := object("a", "audio")
	short.Size--
	unlocked := object("a", "audio")
	unlocked.Lacks = "it is not locked"
	unproven := storage.Object{Key: "a", Content: storage.Content{Size: 5}}
	read, again := object("a", "audio"), object("a", "audio")
	read.Seen, again.Seen = "1", "2"
	for name, c := range map[string]struct {
		store       holds
		audio, side storage.Object
		mismatch    bool
		ok          bool
		transcript  storage.Object
	}{
		"both are there":          {holds{"a": audio, "s": side}, audio, side, false, true, storage.Object{}},
		"no audio":                {holds{"s": side}, audio, side, true, false, storage.Object{}},
		"no sidecar":              {holds{"a": audio}, audio, side, true, false, storage.Object{}},
		"other audio":             {holds{"a": object("a", "AUDIO"), "s": side}, audio, side, true, false, storage.Object{}},
		"shorter audio":           {holds{"a": short, "s": side}, audio, side, true, false, storage.Object{}},
		"other sidecar":           {holds{"a": audio, "s": object("s", "x")}, audio, side, true, false, storage.Object{}},
		"the store has no digest": {holds{"a": unproven, "s": side}, audio, side, true, false, storage.Object{}},
		"not kept as asked":       {holds{"a": unlocked, "s": side}, audio, side, false, false, storage.Object{}},
		"still what was read":     {holds{"a": read, "s": side}, read, side, false, true, storage.Object{}},
		"not what was read":       {holds{"a": again, "s": side}, read, side, false, false, storage.Object{}},
		"we have no digest":       {holds{"a": unproven, "s": side}, unproven, side, false, false, storage.Object{}},
		"nothing is known":        {holds{}, storage.Object{}, storage.Object{}, false, false, storage.Object{}},
		"with its transcript":     {holds{"a": audio, "s": side, "t": text}, audio, side, false, true, text},
		"no transcript":           {holds{"a": audio, "s": side}, audio, side, true, false, text},
		"other transcript":        {holds{"a": audio, "s": side, "t": object("t", "x")}, audio, side, true, false, text},
		"the store is down":       {holds{"a": audio}, audio, object("down", "x"), false, false, storage.Object{}},
	} {
		v, err := evidence.Verify(t.Context(), c.store, rec, c.audio, c.side, c.transcript)
		_, mismatch := errors.AsType[*evidence.Mismatch](err)
		if (err == nil) != c.ok || mismatch != c.mismatch {
			t.Errorf("%s: %v", name, err)
		}
		if (v.Since(time.Time{}) == nil) != c.ok {
			t.Errorf("%s: usable as evidence is %v", name, !c.ok)
		}
	}
}

func TestEvidenceIsNotKept(t *testing.T) {
	before := time.Now()
	v, err := evidence.Verify(t.Context(), holds{"a": object("a", "x"), "s": object("s", "y")}, rec, object("a", "x"), object("s", "y"), storage.Object{})
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Since(before); err != nil {
		t.Errorf("for a slot from before: %v", err)
	}
	if err := v.Since(time.Now().Add(time.Nanosecond)); err == nil || !strings.Contains(err.Error(), "older") {
		t.Errorf("for a slot from after: %v", err)
	}
	if err := (evidence.Verified{}).Since(time.Time{}); err == nil {
		t.Error("the zero value is evidence")
	}
}

func TestExpiryIsTheNearer(t *testing.T) {
	near, far := time.Unix(1000, 0), time.Unix(2000, 0)
	for _, c := range []struct{ audio, side, want time.Time }{
		{far, near, near}, {near, far, near}, {near, time.Time{}, near}, {time.Time{}, near, near}, {time.Time{}, time.Time{}, time.Time{}},
	} {
		a, s := object("a", "x"), object("s", "y")
		a.Expires, s.Expires = c.audio, c.side
		v, err := evidence.Verify(t.Context(), holds{"a": a, "s": s}, rec, object("a", "x"), object("s", "y"), storage.Object{})
		if err != nil || !v.Expires().Equal(c.want) {
			t.Errorf("%v and %v: %v, %v", c.audio, c.side, v.Expires(), err)
		}
	}
}
