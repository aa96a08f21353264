package archive

import (
	"errors"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/storage"
)

// There is no archive before it is settled whose it is, where it is, and what is
// held; and what can't be settled changes nothing.
func TestSettle(t *testing.T) {
	t.Parallel()
	ctx, log := t.Context(), slog.New(slog.DiscardHandler)
	m, err := sqlite.Open(ctx, filepath.Join(t.TempDir(), "m"))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if a, err := Of(ctx, open(t, "directory"), m, log); a != nil || err == nil {
		t.Errorf("a manifest without an account: %v", err)
	}
	here, elsewhere := open(t, "directory"), open(t, "directory")
	text := []byte("it can't be read")
	key := layout.HoldKey("549825", manifest.HoldText{Hold: storage.SumOf(text)})
	if err := (&Archive{store: here, log: log}).putProven(ctx, key, text, "application/json"); err != nil {
		t.Fatal(err)
	}
	a, err := Settle(ctx, here, m, log, "549825", Options{})
	if err != nil || len(manifest.InForce(a.Holds())) != 1 {
		t.Fatalf("%+v, %v; want it, and its hold", a, err)
	}
	if a, err = Of(ctx, here, m, log); err != nil || a.account != "549825" {
		t.Errorf("once more: %+v, %v", a, err)
	}
	if a, err = Settle(ctx, elsewhere, m, log, "549825", Options{}); a != nil || err == nil {
		t.Errorf("another place: %+v, %v", a, err)
	}
	var bound *manifest.BoundError
	if a, err = Settle(ctx, here, m, log, "7", Options{}); a != nil || !errors.As(err, &bound) {
		t.Errorf("another account: %+v, %v", a, err)
	}
	if a, err = Settle(ctx, elsewhere, m, log, "549825", Options{Moved: true}); err != nil || len(manifest.InForce(a.Holds())) != 1 {
		t.Errorf("it has moved: %+v, %v", a, err)
	}
	if a, err = Settle(ctx, here, m, log, "549825", Options{}); a != nil || err == nil {
		t.Errorf("where it was before: %+v, %v", a, err)
	}
}
