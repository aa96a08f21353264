package archive

import (
	"database/sql"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/refusal"
	"github.com/vbcvault/vbcvault/storage/storagetest"
)

// sql changes the manifest's file behind everybody's back.
func (k *keeper) sql(statement string) {
	k.t.Helper()
	db, err := sql.Open("sqlite", k.path)
	if err == nil {
		_, err = db.ExecContext(k.t.Context(), statement)
		err = errors.Join(err, db.Close())
	}
	if err != nil {
		k.t.Fatal(err)
	}
}

// What somebody has changed in the manifest's file gets no signature.
func TestChangedManifestIsNotSigned(t *testing.T) {
	t.Parallel()
	const another = "UPDATE receipt SET entry = replace(entry, 'not sent', 'deleted') WHERE seq = 2;"
	const forget = "DELETE FROM meta WHERE key IN ('tree', 'checkpoint', 'receipts_stored');"
	for what, change := range map[string]string{
		"another tree":                        "UPDATE meta SET value = replace(value, '\"size\":2', '\"size\":1') WHERE key = 'tree'; UPDATE meta SET value = '1' WHERE key = 'receipts_stored'",
		"an entry that isn't in the tree yet": another + "UPDATE meta SET value = '{\"size\":0,\"edge\":[]}' WHERE key = 'tree'; UPDATE meta SET value = '0' WHERE key = 'receipts_stored'",
		"no checkpoint and another entry":     another + "DELETE FROM meta WHERE key IN ('tree', 'checkpoint')",
		"nothing is remembered":               another + forget,
		"nothing is remembered, and removed":  "UPDATE receipt SET entry = replace(entry, 'not sent', 'deleted') WHERE seq = 1; DELETE FROM receipt WHERE seq > 1;" + forget,
		"an entry that continues nothing":     "INSERT INTO receipt SELECT 3, replace(entry, '\"seq\":2', '\"seq\":3') FROM receipt WHERE seq = 2",
		"another checkpoint":                  "UPDATE meta SET value = replace(value, '\n2\n', '\n1\n') WHERE key = 'checkpoint'",
		"entries removed":                     "DELETE FROM receipt WHERE seq > 1; UPDATE meta SET value = '{\"size\":0,\"edge\":[]}' WHERE key = 'tree'; UPDATE meta SET value = '0' WHERE key = 'receipts_stored'",
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			k := newKeeper(t, open(t, "directory"))
			k.quiet(2)
			k.sql(change)
			before := readLogs(t, k)
			if _, err := k.night(1, Options{}); err == nil {
				t.Error("it was signed")
			} else if what != "another tree" && refusal.Code(err) != code.ReceiptsChanged {
				t.Error(err)
			}
			if after := readLogs(t, k); len(after.Bundles) != len(before.Bundles) {
				t.Errorf("%d objects, and there were %d", len(after.Bundles), len(before.Bundles))
			}
		})
	}
	k := newKeeper(t, open(t, "directory"))
	k.quiet(2)
	k.sql("DELETE FROM meta WHERE key IN ('tree', 'checkpoint')") // but nothing else: the archive knows
	k.quiet(1)
	if logs := readLogs(t, k); len(logs.Logs) != 1 || logs.Logs[0].Signed != 3 {
		t.Errorf("%+v", logs.Logs)
	}
}

// An unsigned log whose archive takes nothing for some nights gets one entry that says
// from where it is signed, and not one each night.
func TestSigningIsSaidOnce(t *testing.T) {
	t.Parallel()
	at, dir := openDir(t)
	k := newKeeper(t, at)
	k.quiet(3)
	k.unsign(t, dir)
	faulty := &storagetest.Faulty{Destination: at, Hook: func(op storagetest.Op, key string) storagetest.Fault {
		if op == storagetest.OpPut && strings.HasPrefix(key, layout.Receipts(testAccount)) {
			return storagetest.NotApplied
		}
		return storagetest.None
	}}
	for run := range int64(3) {
		m := k.open()
		a, err := Settle(t.Context(), faulty, m, slog.New(slog.DiscardHandler), testAccount, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := a.StoreReceipts(t.Context(), 10+run); !errors.Is(err, storagetest.ErrInjected) {
			t.Fatal(err)
		}
		m.Close()
	}
	k.quiet(0)
	if c := k.chain(); c.Last != 4 {
		t.Errorf("%d entries, want the 3 and one that says that they are signed from here on", c.Last)
	}
}

// What was changed in the manifest isn't stored in place of what was removed from the
// archive, signed once more.
func TestChangedEntryIsNotStoredAgain(t *testing.T) {
	t.Parallel()
	at, dir := openDir(t)
	k := newKeeper(t, at)
	for range 3 {
		k.quiet(2)
	}
	files, err := filepath.Glob(filepath.Join(dir, "receipts/*/*/*.jsonl"))
	if err != nil || len(files) != 3 || os.Remove(files[1]) != nil {
		t.Fatal(files, err)
	}
	k.sql("UPDATE receipt SET entry = replace(entry, 'not sent', 'deleted') WHERE seq = 4")
	if _, err := k.night(0, Options{}); refusal.Code(err) != code.ReceiptsChanged {
		t.Error(err)
	}
	if logs := readLogs(t, k); len(logs.Bundles) != 2 {
		t.Errorf("%d objects, and there were 2", len(logs.Bundles))
	}
}
