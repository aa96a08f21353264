package main_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// Whoever may write to the manifest's file, and has neither its key nor the bucket,
// can't change what it says without being noticed.
func TestChangedManifest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inS3(nil)
	all := history(w)
	w.want(w.archive("--older-than", "90d", "--delete", "--max-deletes", "1"), 0, map[string]int{"deleted": 1})
	saved := w.backup()
	const emptied = `DELETE FROM receipt; UPDATE meta SET value = 'ANOTHER' WHERE key = 'chain'; DELETE FROM meta WHERE key = 'receipts_stored';`
	for name, c := range map[string]struct {
		statement string
		wrong     []string // what audit finds
		offline   []string // with the manifest alone; nil = the same
	}{
		"receipts are gone, and stand under another name": {emptied, []string{"another-log", "log-checkpoint"}, []string{"log-checkpoint", "no-receipt"}},
		"and all that was signed is gone":                 {emptied + `DELETE FROM meta WHERE key IN ('checkpoint', 'tree', 'tips')`, []string{"another-log"}, []string{}},
		"receipts are gone":                               {`DELETE FROM receipt`, []string{"log-shorter"}, []string{"log-shorter", "no-receipt"}},
		"the last receipts are gone":                      {`DELETE FROM receipt WHERE seq > 5`, []string{"log-shorter"}, []string{"log-shorter", "no-receipt"}},
		"a receipt is changed":                            {`UPDATE receipt SET entry = replace(entry, '"deleted"', '"not there"') WHERE seq = (SELECT min(seq) FROM receipt WHERE entry LIKE '%"deleted"%')`, []string{"log-changed"}, nil},
		"the last receipt is changed":                     {`UPDATE receipt SET entry = replace(entry, '"deleted"', '"not there"') WHERE seq = (SELECT max(seq) FROM receipt)`, []string{"log-changed"}, nil},
		"a copy is changed": {`UPDATE recording SET audio = json_set(audio, '$.sha256', printf('%064d', 7)) WHERE id = (SELECT max(id) FROM recording WHERE state = 'purged')`,
			[]string{"row-changed"}, nil},
		"metadata is changed":          {`UPDATE recording SET sidecar = json_set(sidecar, '$.size', 7) WHERE id = (SELECT max(id) FROM recording WHERE state = 'purged')`, []string{"row-changed"}, nil},
		"purged without a receipt":     {`UPDATE recording SET state = 'purged' WHERE id = 100001`, []string{"no-receipt"}, nil},
		"erased without a receipt":     {`UPDATE recording SET state = 'erased' WHERE id = 100001`, []string{"no-receipt"}, nil},
		"purged, and at VBC again":     {`UPDATE recording SET state = 'verified' WHERE state = 'purged'`, []string{"row-state"}, nil},
		"a recording is gone":          {`DELETE FROM recording WHERE id = (SELECT max(id) FROM recording WHERE state = 'purged')`, []string{"row-missing"}, nil},
		"a hold is gone":               {`DELETE FROM hold`, []string{"hold-missing"}, nil},
		"a hold covers something else": {`UPDATE hold SET made = replace(made, '100001', '100007')`, []string{"hold-changed"}, nil},
		"a hold has ended, with a receipt": {`UPDATE hold SET noted = 2, stored = 2, ended = '{"hold":"' || digest || '","reason":"closed","by":"x","at":"2026-01-01T00:00:00Z"}'`,
			[]string{"hold-ended"}, nil},
		"a hold has ended without words":     {`UPDATE hold SET ended = '{}'`, []string{"hold-changed"}, nil},
		"the checkpoint is another":          {`UPDATE meta SET value = replace(value, 'vbcvault/', 'vbcvault/x') WHERE key = 'checkpoint'`, []string{"log-checkpoint"}, nil},
		"the tree is another":                {`UPDATE meta SET value = json_set(value, '$.edge[0]', 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=') WHERE key = 'tree'`, []string{"log-checkpoint"}, nil},
		"the checkpoint is gone":             {`DELETE FROM meta WHERE key = 'checkpoint'; UPDATE recording SET state = 'verified' WHERE state = 'purged'`, []string{"log-checkpoint", "row-state"}, []string{}},
		"the key is another":                 {`UPDATE meta SET value = '` + anotherKey(t) + `' WHERE key = 'verifier'`, []string{"another-key", "key-file", "log-checkpoint"}, []string{"log-checkpoint"}},
		"more counts as stored":              {`UPDATE meta SET value = 99 WHERE key = 'receipts_stored'`, []string{"log-shorter"}, nil},
		"another log was longer":             {`INSERT INTO log VALUES ('ANOTHERONE', 7, printf('%064d', 7), 1, 1)`, []string{"other-log-shorter"}, []string{}},
		"a trusted key is none":              {`INSERT INTO trusted VALUES ('nonsense', '', '', 0)`, []string{"trusted-key"}, nil},
		"a deletion was taken over, it says": {`UPDATE recording SET state = 'purged' WHERE id = 100001; INSERT INTO meta VALUES ('taken_over', '[{"First":1,"Last":99}]')`, []string{"no-receipt"}, nil},
	} {
		w.change(c.statement)
		t.Log(name)
		w.audited(c.wrong)
		if c.offline == nil {
			c.offline = c.wrong
		}
		w.audited(c.offline, "--offline")
		if r := w.run("manifest", "check"); r.code != min(1, len(c.offline)) {
			t.Errorf("%s: manifest check: exit %d", name, r.code)
		}
		w.restore(saved)
	}
	w.audited(nil)
	w.nothingLost(all)
}

func anotherKey(t *testing.T) string {
	t.Helper()
	key, err := receipt.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return key.Verifier()
}

// The end of a hold that nobody has written down properly is worth a word, as long as
// no run has.
func TestRemovedHoldIsPending(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	history(w)
	w.hold(append([]string{"remove", "1"}, byCounsel...)...)
	f := w.remarked(nil, []string{"hold-pending"})
	if !strings.Contains(fmt.Sprint(f.Remarks), "hold 1 was removed") {
		t.Errorf("%q", f.Remarks)
	}
	w.want(w.archive("--older-than", "90d"), 0, nil)
	w.remarked(nil, nil)
}

// Of many rows that are wrong, a few are named and all are counted.
func TestManyWrongRows(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.someRecordings(25)
	w.want(w.archive("--older-than", "90d"), 0, nil)
	w.change(`UPDATE recording SET state = 'purged'`)
	f := w.audited([]string{"no-receipt"})
	if len(f.Breaks) != 11 || !strings.Contains(f.Breaks[10], "15 more") || slices.Contains(f.Breaks[:10], f.Breaks[10]) {
		t.Errorf("%d: %q", len(f.Breaks), f.Breaks)
	}
	w.change(`UPDATE recording SET state = 'verified'`)
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 25})
	w.change(`DELETE FROM recording`)
	if f = w.audited([]string{"row-missing"}); len(f.Breaks) != 11 || !strings.Contains(f.Breaks[10], "25 in all") {
		t.Errorf("%d: %q", len(f.Breaks), f.Breaks)
	}
}
