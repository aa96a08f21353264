//go:build unix

package postgres_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/vbcvault/vbcvault/pipeline/archive"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres"
	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres/postgrestest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
)

// A manifest in a database has the key that it is given, and no other: without one there
// is no manifest, and whoever opens it later without it can do all but sign.
func TestKeyMustBeGiven(t *testing.T) {
	t.Parallel()
	path := postgrestest.Named(postgrestest.New(t), "m")
	_, err := postgres.Open(t.Context(), path)
	missing, ok := errors.AsType[*manifest.KeyError](err)
	if !ok {
		t.Fatalf("opened without a key: %v", err)
	}
	if hint := archive.KeyHint(missing); !strings.Contains(hint, "VBCVAULT_SIGNING_KEY") || !strings.Contains(hint, "vbcvault manifest key") || strings.Contains(err.Error(), "  ") {
		t.Errorf("%v; %s", err, hint)
	}
	k, key := newKey(t)
	other, otherKey := newKey(t)
	must(t, open(t, path, key).Close())
	for what, options := range map[string][]postgres.Option{"none": nil, "another": {otherKey}} {
		m := open(t, path, options...)
		_, err := m.SigningKey()
		missing, ok := errors.AsType[*manifest.KeyError](err)
		if !ok || missing.Verifier != k.Verifier() || !strings.Contains(archive.KeyHint(missing), k.Verifier()) || strings.Contains(archive.KeyHint(missing), "manifest key makes") {
			t.Errorf("%s is given: %v", what, err)
		}
		if what == "another" && !strings.Contains(err.Error(), other.Verifier()) {
			t.Errorf("it doesn't say which is given: %v", err)
		}
		h, err := m.AddHold(t.Context(), manifest.Hold{IDs: []int64{7}, Reason: "why", By: "who"})
		must(t, err)
		if _, err := m.RemoveHold(t.Context(), h.Number, "over", "who"); !errors.As(err, &missing) {
			t.Errorf("%s is given, and the end of a hold is signed: %v", what, err)
		}
		must(t, m.Close())
	}
	if text := fmt.Sprintf("%+v %#v", open(t, path, key), key); strings.Contains(text, k.Secret()) {
		t.Error("the key is shown")
	}
}

// Each receipt says under which lease it was written.
func TestReceiptsNameTheLease(t *testing.T) {
	t.Parallel()
	path := postgrestest.Named(postgrestest.New(t), "m")
	_, key := newKey(t)
	type written struct {
		fence  int64
		holder string
	}
	var want, got []written
	for range 2 {
		m := open(t, path, key)
		must(t, m.AddReceipt(t.Context(), receipt.Entry{Type: receipt.Signing, Verifier: "v", Account: account}))
		fence, holder := m.Lease().Fence()
		want = append(want, written{fence, holder})
		must(t, m.Close())
	}
	for line, err := range open(t, path, key).Receipts(t.Context(), 0) {
		must(t, err)
		var e receipt.Entry
		must(t, json.Unmarshal(line, &e))
		got = append(got, written{e.Fence, e.Holder})
	}
	if fmt.Sprint(got) != fmt.Sprint(want) || want[0].fence >= want[1].fence || want[0].holder == "" || want[0].holder == want[1].holder {
		t.Errorf("the receipts have %v, want %v", got, want)
	}
}
