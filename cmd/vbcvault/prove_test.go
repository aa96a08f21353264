package main_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// proofDir is a directory that prove has written.
type proofDir struct {
	*world
	dir, key string
}

// prove has a recording proven, and fails unless that ends with 0.
func (w *world) prove(args ...string) proofDir {
	w.t.Helper()
	p := proofDir{w, filepath.Join(w.t.TempDir(), "proof"), w.key()}
	if r := w.run(append([]string{"prove", "--out", p.dir}, args...)...); r.code != 0 {
		w.t.Fatalf("prove: exit %d", r.code)
	}
	return p
}

// key is the verifier of the manifest's key, as somebody has got it elsewhere: out of
// the file beside the manifest, whose last field has the seed.
func (w *world) key() string {
	w.t.Helper()
	keys, err := filepath.Glob(filepath.Join(w.state, "*.manifest.key"))
	if err != nil || len(keys) != 1 {
		w.t.Fatalf("%q, %v", keys, err)
	}
	secret, err := os.ReadFile(keys[0])
	if err != nil {
		w.t.Fatal(err)
	}
	return verifierOf(w.t, string(secret))
}

// check is check-proof with the key, and with --json.
func (p proofDir) check(args ...string) (r result, st statement) {
	p.t.Helper()
	r = p.bare().run(append([]string{"check-proof", p.dir, "--json", "--key", p.key}, args...)...)
	if err := json.Unmarshal([]byte(r.stdout), &st); err != nil {
		p.t.Errorf("%v: %s", err, r.stdout)
	}
	return r, st
}

// statement is what check-proof says.
type statement struct {
	Intact, Erased bool
	Summary        string
	Problems       []string
	ID             int64
	Copy           []struct{ What, Name string }
	Events         []struct{ Type, Says string }
	Logs           []struct{ Size, Receipts int64 }
}

// types are those of the receipts, in their order.
func (s statement) types() (all []string) {
	for _, e := range s.Events {
		all = append(all, e.Type)
	}
	return all
}

// bare is a machine that has nothing but the program.
func (w *world) bare() *world {
	return &world{t: w.t, env: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + w.t.TempDir()}}
}

// convinces fails unless everybody believes the proof: check-proof, a program that
// shares no code with it, and the commands of its page.
func (p proofDir) convinces(types ...string) statement {
	p.t.Helper()
	r, st := p.check()
	if r.code != 0 || !st.Intact || !slices.Equal(st.types(), types) {
		p.t.Errorf("exit %d, receipts %q, want %q: %s", r.code, st.types(), types, r.stdout)
	}
	if err := p.stranger(); err != nil {
		p.t.Errorf("a stranger: %v", err)
	}
	said := p.byHand(p.key)
	if bad := slices.DeleteFunc(strings.Split(strings.TrimSpace(said), "\n"), func(line string) bool { return strings.HasSuffix(line, "OK") }); len(bad) > 0 {
		p.t.Errorf("by hand: %s", said)
	}
	if n := strings.Count(said, ".json: OK"); n < len(types) && runtime.GOOS != "windows" {
		p.t.Errorf("by hand: %d receipts were checked", n)
	}
	return st
}

// byHand runs the commands of the page, word for word but for the key.
func (p proofDir) byHand(key string) string {
	p.t.Helper()
	for _, tool := range []string{"sh", "sha256sum", "base64", "od", "openssl"} {
		if _, err := exec.LookPath(tool); err != nil {
			p.t.Logf("there is no %s: the page's commands are not run", tool)
			if os.Getenv("CI") == "true" {
				p.t.Errorf("CI has no %s", tool)
			}
			return "OK"
		}
	}
	page, err := os.ReadFile(filepath.Join(p.dir, "index.html"))
	if err != nil {
		p.t.Error(err)
		return ""
	}
	var script strings.Builder
	for _, m := range regexp.MustCompile(`(?s)<pre class="run">(.*?)</pre>`).FindAllStringSubmatch(string(page), -1) {
		script.WriteString(html.UnescapeString(m[1]) + "\n")
	}
	if !strings.Contains(script.String(), "KEY='THE-KEY'") {
		p.t.Errorf("the page has no place for the key")
	}
	cmd := exec.Command("sh", "-u", "-c", strings.ReplaceAll(script.String(), "THE-KEY", key))
	cmd.Dir = p.dir
	out, _ := cmd.CombinedOutput() // the text tells
	return string(out)
}

var strangerOnce = sync.OnceValues(func() (string, error) {
	name := filepath.Join(shared, "stranger")
	out, err := exec.Command("go", "build", "-o", name, "./testdata/stranger").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return name, nil
})

// stranger is a program that checks proofs and shares no code with this one.
func stranger(t testing.TB) string {
	t.Helper()
	name, err := strangerOnce()
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// stranger has it check the proof.
func (p proofDir) stranger() error {
	out, err := exec.Command(stranger(p.t), p.dir, p.key).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// It really shares none.
func TestStrangerSharesNothing(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", "./testdata/stranger").Output()
	if got := strings.Fields(string(out)); err != nil || len(got) != 1 || !strings.HasSuffix(got[0], "/stranger") {
		t.Errorf("it imports %q, %v", got, err)
	}
}

// The proof for a recording that was deleted at VBC: with a transcript, in several
// parts, beside others.
func TestProofOfADeletion(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		start := time.Now().UTC().Truncate(time.Second).AddDate(-1, 0, 0)
		w.account.Add(vbctest.Recording{ID: 7, Start: start, Size: 11 << 20, Extra: map[string]any{"caller_id": "+15550100", "cnam": "Jane Roe"}})
		w.account.Transcribe(7, plain)
		w.someRecordings(6)
		w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 7})
		w.hold(append([]string{"add", "--caller-id", "+15550100"}, byCounsel...)...)
		w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 6, "skipped": 1})
		w.hold(append([]string{"remove", "1"}, byCounsel...)...)
		w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 1})
		w.account.ResetCounts()
		p := w.prove("--id", "7")
		if n := w.account.Counts().Total; n != 0 {
			t.Errorf("%d requests to VBC", n)
		}
		st := p.convinces("hold", "release", "intent", "outcome")
		if !strings.Contains(st.Summary, "VBC confirmed the deletion") || st.ID != 7 || len(st.Copy) != 3 {
			t.Errorf("%+v", st)
		}
		for _, c := range st.Copy {
			if got, want := p.read(c.Name), w.read(filepath.ToSlash(filepath.Dir(key(vbctest.Recording{Kind: vbctest.Company, ID: 7, Start: start}, "mp3")))+"/"+c.Name); !bytes.Equal(got, want) {
				t.Errorf("%s is not what is in the archive", c.Name)
			}
		}
		page := string(p.read("index.html"))
		for _, word := range []string{"5550100", "Jane", "Smith", "counsel", "<script"} {
			if strings.Contains(page, word) {
				t.Errorf("the page has %q", word)
			}
		}
		if r := w.run("audit"); r.code != 0 {
			t.Error("audit")
		}
	}, vbctest.Config{})
}

// read reads a file of the proof.
func (p proofDir) read(name string) []byte {
	p.t.Helper()
	b, err := os.ReadFile(filepath.Join(p.dir, filepath.FromSlash(name)))
	if err != nil {
		p.t.Error(err)
	}
	return b
}
