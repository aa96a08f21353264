package main_test

import (
	"bytes"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// add puts a file into a proof.
func (p proofDir) add(name, text string) {
	p.t.Helper()
	file := filepath.Join(p.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// files are the names of a proof's files.
func (p proofDir) files() (names []string) {
	p.t.Helper()
	err := filepath.WalkDir(p.dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			name, _ := filepath.Rel(p.dir, path)
			names = append(names, filepath.ToSlash(name))
		}
		return err
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return names
}

// sum makes SHA256SUMS anew, as a forger would.
func (p proofDir) sum() {
	p.t.Helper()
	var b bytes.Buffer
	for _, name := range p.files() {
		if name != "SHA256SUMS" {
			fmt.Fprintf(&b, "%x  %s\n", sha256.Sum256(p.read(name)), name)
		}
	}
	lines := strings.SplitAfter(b.String(), "\n")
	slices.SortFunc(lines, func(a, b string) int { return strings.Compare(a[min(66, len(a)):], b[min(66, len(b)):]) })
	p.add("SHA256SUMS", strings.Join(lines, ""))
}

// saved is what a proof has, to be put back.
func (p proofDir) saved() map[string]string {
	all := map[string]string{}
	for _, name := range p.files() {
		all[name] = string(p.read(name))
	}
	return all
}

func (p proofDir) putBack(all map[string]string) {
	p.t.Helper()
	if err := os.RemoveAll(p.dir); err != nil {
		p.t.Fatal(err)
	}
	for name, text := range all {
		p.add(name, text)
	}
}

// deletions is an archive of three recordings that were deleted, two of which have a
// proof.
func deletions(t *testing.T) (w *world, one, two proofDir) {
	t.Helper()
	w = newWorld(t, vbctest.Config{}).inDir()
	for _, r := range w.someRecordings(3) {
		w.account.Transcribe(r.ID, plain)
	}
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 3})
	return w, w.prove("--id", "100001"), w.prove("--id", "100002")
}

// One bit of any file makes it no proof, and says which file it is.
func TestEveryBitOfAProofCounts(t *testing.T) {
	t.Parallel()
	notShort(t, "checks a hundred proofs")
	_, p, _ := deletions(t)
	names := p.files()
	if len(names) != 11 { // three of the copy, two receipts with proofs, checkpoint and key, sums and page
		t.Fatalf("%q", names)
	}
	for _, name := range names {
		whole := p.read(name)
		for _, at := range []int{0, len(whole) / 3, len(whole) / 2, len(whole) - 2, len(whole) - 1} {
			for _, bit := range []byte{0x01, 0x20} {
				changed := bytes.Clone(whole)
				changed[at] ^= bit
				p.add(name, string(changed))
				if r, st := p.check(); r.code != 1 || st.Intact || st.Summary != "" || !strings.Contains(strings.Join(st.Problems, "\n"), name) {
					t.Errorf("%s, byte %d of %d: exit %d, %q", name, at, len(whole), r.code, st.Problems)
				}
			}
		}
		p.add(name, string(whole[:len(whole)-1]))
		if r, st := p.check(); r.code != 1 || !strings.Contains(strings.Join(st.Problems, "\n"), name) {
			t.Errorf("%s without its end: exit %d", name, r.code)
		}
		p.add(name, string(whole))
	}
	p.convinces("intent", "outcome")
}

// Who forges a proof makes its list of digests anew, too. What was signed tells all the
// same: to check-proof, to a program that shares nothing with it, and by hand.
func TestForgedProofs(t *testing.T) {
	t.Parallel()
	w, p, other := deletions(t)
	whole := p.saved()
	entries := slices.DeleteFunc(p.files(), func(name string) bool {
		return !strings.HasPrefix(name, "receipts/") || !strings.HasSuffix(name, ".json")
	})
	intent, outcome, log := entries[0], entries[1], filepath.ToSlash(filepath.Dir(entries[0]))
	proofOf := func(entry string) string { return strings.TrimSuffix(entry, ".json") + ".tlog-proof" }
	audio := func(p proofDir) string { _, st := p.check(); return st.Copy[0].Name }
	mine, theirs := audio(p), audio(other)
	foreign := newWorld(t, vbctest.Config{}).inDir()
	foreign.someRecordings(3)
	foreign.want(foreign.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 3})
	alien := foreign.prove("--id", "100001")
	_, chain := filepath.Split(strings.TrimSuffix(alien.find("checkpoint"), "/checkpoint"))

	for name, c := range map[string]struct {
		forge func()
		says  string
		hand  bool // the page's commands and the stranger notice it, too
	}{
		"another's audio":       {func() { p.add(mine, string(other.read(theirs))) }, mine, true},
		"a changed receipt":     {func() { p.add(outcome, strings.Replace(whole[outcome], "204", "200", 1)) }, outcome, true},
		"swapped receipts":      {func() { p.add(intent, whole[outcome]); p.add(outcome, whole[intent]) }, intent, true},
		"swapped with proofs":   {func() { p.swap(whole, intent, outcome); p.swap(whole, proofOf(intent), proofOf(outcome)) }, intent, false},
		"another's proof":       {func() { p.add(proofOf(intent), whole[proofOf(outcome)]) }, intent, true},
		"another tree's proof":  {func() { p.add(proofOf(intent), strings.Replace(whole[proofOf(intent)], "\n6\n", "\n7\n", 1)) }, proofOf(intent), true},
		"no audio":              {func() { p.drop(mine) }, mine + " is missing", true},
		"no metadata":           {func() { p.drop(strings.Replace(mine, ".mp3", ".json", 1)) }, "metadata", true},
		"no transcript":         {func() { p.drop(strings.Replace(mine, ".mp3", ".transcript.txt", 1)) }, "transcript", true},
		"no page":               {func() { p.drop("index.html") }, "index.html is missing", false},
		"no checkpoint":         {func() { p.drop(log + "/checkpoint") }, log + "/checkpoint is missing", true},
		"no key":                {func() { p.drop(log + "/key.txt") }, log + "/key.txt is missing", false},
		"no proof":              {func() { p.drop(proofOf(intent)) }, proofOf(intent) + " is missing", true},
		"no receipt":            {func() { p.drop(outcome) }, outcome + " is missing", false},
		"no intent at all":      {func() { p.drop(intent); p.drop(proofOf(intent)) }, outcome + " tells of the outcome", false},
		"no receipts":           {func() { p.dropAll("receipts") }, "receipts is missing", true},
		"a file more":           {func() { p.add("more.txt", "more") }, "more.txt does not belong", false},
		"a file more in a log":  {func() { p.add(log+"/more.txt", "more") }, log + "/more.txt does not belong", false},
		"another recording's":   {func() { p.addLog(other) }, "another recording", true},
		"another checkpoint":    {func() { p.add(log+"/checkpoint", string(alien.read("receipts/"+chain+"/checkpoint"))) }, log + "/checkpoint", true},
		"another log":           {func() { p.addLog(alien) }, chain + "/checkpoint", true},
		"another log's name":    {func() { p.rename(log, "receipts/"+chain) }, "", false},
		"another key beside it": {func() { p.add(log+"/key.txt", alien.key+"\n") }, log + "/key.txt", false},
		"nothing":               {func() { p.putBack(map[string]string{"SHA256SUMS": ""}) }, "receipts is missing", true},
	} {
		c.forge()
		p.sum()
		r, st := p.check()
		if c.says == "" { // the name of a log's directory says nothing
			if r.code != 0 {
				t.Errorf("%s: exit %d", name, r.code)
			}
		} else if r.code != 1 || !strings.Contains(strings.Join(st.Problems, "\n"), c.says) {
			t.Errorf("%s: exit %d, %q", name, r.code, st.Problems)
		}
		if c.hand {
			if err := p.stranger(); err == nil {
				t.Errorf("%s: it convinces a stranger", name)
			}
		}
		p.putBack(whole)
	}
	p.convinces("intent", "outcome")

	// By hand, as the page says.
	for name, forge := range map[string]func(){
		"another's audio":   func() { p.add(mine, string(other.read(theirs))) },
		"a changed receipt": func() { p.add(outcome, strings.Replace(whole[outcome], "204", "200", 1)) },
		"another's proof":   func() { p.add(proofOf(intent), whole[proofOf(outcome)]) },
		"another size":      func() { p.add(log+"/checkpoint", strings.Replace(whole[log+"/checkpoint"], "\n6\n", "\n7\n", 1)) },
	} {
		forge()
		p.sum()
		if said := p.byHand(p.key); said != "OK" && !strings.Contains(said, "WRONG") {
			t.Errorf("%s: by hand it seems right: %s", name, said)
		}
		p.putBack(whole)
	}
	if said := p.byHand(alien.key); said != "OK" && !strings.Contains(said, "/checkpoint: WRONG") {
		t.Errorf("with another key: %s", said)
	}
	_ = w
}

func (p proofDir) swap(whole map[string]string, a, b string) {
	p.add(a, whole[b])
	p.add(b, whole[a])
}

func (p proofDir) drop(name string) {
	p.t.Helper()
	if err := os.Remove(filepath.Join(p.dir, filepath.FromSlash(name))); err != nil {
		p.t.Fatal(err)
	}
}

func (p proofDir) dropAll(name string) {
	p.t.Helper()
	if err := os.RemoveAll(filepath.Join(p.dir, name)); err != nil {
		p.t.Fatal(err)
	}
}

func (p proofDir) rename(from, to string) {
	p.t.Helper()
	if err := os.Rename(filepath.Join(p.dir, from), filepath.Join(p.dir, to)); err != nil {
		p.t.Fatal(err)
	}
}

// find is the file of a proof with that last part of its name.
func (p proofDir) find(base string) string {
	p.t.Helper()
	names := p.files()
	i := slices.IndexFunc(names, func(name string) bool { return strings.HasSuffix(name, "/"+base) })
	if i < 0 {
		p.t.Fatalf("no %s in %q", base, names)
	}
	return names[i]
}

// addLog adds another proof's receipts.
func (p proofDir) addLog(from proofDir) {
	for _, name := range from.files() {
		if strings.HasPrefix(name, "receipts/") {
			p.add(name, string(from.read(name)))
		}
	}
}

// What the key must be, nobody takes out of the directory.
func TestCheckProofNeedsTheKey(t *testing.T) {
	t.Parallel()
	_, p, _ := deletions(t)
	bare := p.bare()
	r := bare.run("check-proof", p.dir)
	if r.code != 2 || !strings.Contains(r.stderr, "key.txt in the directory proves nothing by itself") {
		t.Errorf("without a key: exit %d", r.code)
	}
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte(p.key+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r = bare.run("check-proof", p.dir, "--key", file)
	if r.code != 0 || !strings.Contains(r.stdout, "The proof is intact") || !strings.Contains(r.stdout, "VBC confirmed the deletion") {
		t.Errorf("with a file: exit %d", r.code)
	}
	another := newWorld(t, vbctest.Config{}).inDir()
	another.someRecordings(1)
	another.want(another.archive("--older-than", "90d"), 0, nil)
	secret := strings.TrimSpace(string(readFile(t, another.manifest()+".key")))
	r = bare.run("check-proof", p.dir, "--key", secret)
	if r.code != 2 || !strings.Contains(r.stderr, "must stay secret") || strings.Contains(r.stderr+r.stdout, "PRIVATE") {
		t.Errorf("a signing key by mistake: exit %d", r.code)
	}
	for what, args := range map[string][]string{
		"another key": {p.dir, "--key", another.key()},
		"a mixture":   {p.dir, "--key", another.key(), "--key", p.key[:len(p.key)-4] + "AAAA"},
		"no key":      {p.dir, "--key", "key"},
		"no proof":    {t.TempDir(), "--key", p.key},
		"nothing":     {filepath.Join(p.dir, "nothing"), "--key", p.key},
		"a file":      {filepath.Join(p.dir, "index.html"), "--key", p.key},
		"no dir":      {"--key", p.key},
	} {
		want := map[string]int{"another key": 1, "no proof": 1}[what]
		if want == 0 {
			want = 2
		}
		if r := bare.run(append([]string{"check-proof"}, args...)...); r.code != want || strings.Contains(r.stdout, "intact") {
			t.Errorf("%s: exit %d", what, r.code)
		}
	}
	if r := bare.run("check-proof", p.dir, "--key", another.key(), "--key", p.key); r.code != 0 {
		t.Errorf("with several: exit %d", r.code)
	}
	if r := bare.run("check-proof", p.dir, "--key", another.key()+"\n"+p.key); r.code != 0 {
		t.Errorf("with several lines: exit %d", r.code)
	}
}

// Whoever changes the manifest, and writes its chain on from there, gets no signature
// for that.
func TestProofOfAForgedLog(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.someRecordings(2)
	w.want(w.archive("--older-than", "90d", "--delete", "--workers", "1"), 0, map[string]int{"deleted": 2})
	db, err := sql.Open("sqlite", w.manifest())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var line string
	if err := db.QueryRow("SELECT entry FROM receipt WHERE seq = 4").Scan(&line); err != nil {
		t.Fatal(err)
	}
	forged := strings.Replace(line, `"status":204`, `"status":200`, 1)
	next := strings.Replace(forged, `"seq":4`, `"seq":5`, 1)
	next = regexp.MustCompile(`"prev":"[0-9a-f]*"`).ReplaceAllString(next, fmt.Sprintf(`"prev":"%x"`, sha256.Sum256([]byte(forged))))
	for seq, text := range map[int]string{4: forged, 5: next} {
		if _, err := db.Exec("INSERT OR REPLACE INTO receipt (seq, entry) VALUES (?, ?)", seq, text); err != nil {
			t.Fatal(err)
		}
	}
	out := filepath.Join(t.TempDir(), "proof")
	if r := w.run("prove", "--id", "100002", "--out", out); r.code != 1 || !strings.Contains(r.stderr, "and it was signed as") {
		t.Errorf("it is signed: exit %d", r.code)
	}
}

// Receipts that an earlier program has stored unsigned are signed where the log says
// so, and the proof does.
func TestProofOfReceiptsNeverSigned(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.someRecordings(2)
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 2})
	for _, key := range w.receipts() { // as those programs have left it
		if text := w.read(key); strings.HasSuffix(key, ".jsonl") {
			if err := os.WriteFile(w.file(key), text[:bytes.Index(text, []byte(`{"checkpoint"`))], 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.change("DELETE FROM meta WHERE key IN ('checkpoint', 'tree')")
	st := w.prove("--id", "100001").convinces("intent", "outcome", "signing")
	if !strings.Contains(st.Events[2].Says, "Entries 1 to 4 of this log were not signed when they were written") {
		t.Errorf("%+v", st)
	}
	w.want(w.run("audit", "--json"), 0, map[string]int{"entries": 5, "stored": 5})
}
