package main_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/vbc"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// Who has listened is shown by the program, before the next run and after it, in a
// manifest that was rebuilt too, and in what status, audit and report say.
func TestListenings(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	all := w.someRecordings(2)
	prints := func(r result, texts ...string) {
		t.Helper()
		for _, text := range texts {
			if r.code != 0 || !strings.Contains(r.stdout, text) {
				t.Errorf("exit %d; it doesn't print %q:\n%s", r.code, text, r.stdout)
			}
		}
	}
	w.want(w.archive("--older-than", "90d"), 0, nil)
	if r := w.run("listenings"); r.code != 0 || !strings.Contains(r.stdout, "nobody has listened") {
		t.Errorf("exit %d", r.code)
	}
	m, err := sqlite.OpenBeside(t.Context(), w.manifest())
	if err != nil {
		t.Fatal(err)
	}
	for i, who := range []string{"eve", "bob\x1b[2J"} {
		_, e := m.AddListening(t.Context(), manifest.Listening{Kind: vbc.Company, ID: all[i].ID, Start: all[i].Start, Who: who, How: manifest.Hows[i], Why: "=1+1", From: "192.0.2.7"})
		err = errors.Join(err, e)
	}
	if err = errors.Join(err, m.Close()); err != nil {
		t.Fatal(err)
	}
	prints(w.run("audit"), "listened", "have no receipts yet")
	w.want(w.archive("--older-than", "90d"), 0, nil)
	r := w.run("listenings")
	prints(r, "eve", "bob", "192.0.2.7", "download")
	if strings.Contains(r.stdout, "\x1b") {
		t.Error("a name moves the cursor")
	}
	var l struct{ Who, How, SHA256 string }
	r = w.run("listenings", "--who", "eve", "--json")
	if err := json.Unmarshal([]byte(r.stdout), &l); err != nil || l.Who != "eve" || l.How != "play" || len(l.SHA256) != 64 {
		t.Errorf("%+v, %v", l, err)
	}
	if r := w.run("listenings", "--how", "download", "--csv"); strings.Count(r.stdout, "\n") != 2 || !strings.Contains(r.stdout, "'=1+1") {
		t.Error("CSV")
	}
	for _, args := range [][]string{{"--how", "hum"}, {"--who", ""}, {"--id", "0"}, {"--json", "--csv"}, {"--since", "2026-02-01", "--until", "2026-01-01"}, {"--limit", "-1"}} {
		if r := w.run(append([]string{"listenings"}, args...)...); r.code != 2 {
			t.Errorf("%q: exit %d", args, r.code)
		}
	}
	prints(w.run("status", "--id", "100001"), "listened", "played by eve")
	prints(w.run("audit"), "listened")
	path := w.manifest()
	w.want(w.run("rebuild", "--from", w.to, "--manifest", path+".new", "--key", strings.TrimSpace(w.run("audit", "--key").stdout), "--json"), 0, map[string]int{"listenings": 2, "unsigned_listenings": 0, "missing": 0})
	prints(w.run("listenings", "--manifest", path+".new"), "eve", "bob")
}
