package main

import (
	"bytes"
	"context"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// once is the release that all tests look at, made when the first one asks for it.
var once struct {
	sync.Once
	release release
	dir     string
	log     strings.Builder
	err     error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if once.dir != "" {
		os.RemoveAll(once.dir)
	}
	os.Exit(code)
}

// built is a release of the working tree as it is, for two systems. Tests read it and
// change nothing in it.
func built(t *testing.T) *release {
	t.Helper()
	once.Do(func() {
		if once.dir, once.err = os.MkdirTemp("", "vbcvault-built-"); once.err != nil {
			return
		}
		r := &once.release
		*r = release{out: filepath.Join(once.dir, "dist"), work: filepath.Join(once.dir, "work"), targets: allTargets[:2], log: &once.log}
		if once.err = r.identify(context.Background(), true); once.err == nil {
			once.err = r.make(context.Background())
		}
	})
	if once.err != nil {
		t.Fatalf("make a release: %v\n%s", once.err, once.log.String())
	}
	return &once.release
}

// needs skips a test where a program is missing that it needs; CI has them all.
func needs(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			if os.Getenv("CI") != "" {
				t.Fatalf("%s is missing", p)
			}
			t.Skipf("%s is missing", p)
		}
	}
}

func TestBinariesRun(t *testing.T) {
	t.Parallel()
	r := built(t)
	out, err := exec.Command(r.binary(target{runtime.GOOS, runtime.GOARCH}), "version").CombinedOutput()
	if err != nil || !strings.Contains(string(out), r.version.semver) {
		t.Fatalf("%v: %s", err, out)
	}
}

// A binary for Linux runs on any Linux, and has nothing of the machine that built it.
func TestBinariesAreStatic(t *testing.T) {
	t.Parallel()
	r := built(t)
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	cache, err := exec.Command("go", "env", "GOMODCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range r.targets {
		f, err := elf.Open(r.binary(target))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for _, p := range f.Progs {
			if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
				t.Errorf("%s: %v: it needs libraries", target, p.Type)
			}
		}
		for _, s := range f.Sections {
			if strings.HasPrefix(s.Name, ".debug") || s.Name == ".symtab" {
				t.Errorf("%s: %s is left in", target, s.Name)
			}
		}
		b, err := os.ReadFile(r.binary(target))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{r.root, r.work, strings.TrimSpace(string(cache)), filepath.Join(home, "go")} {
			if bytes.Contains(b, []byte(path)) {
				t.Errorf("%s: %q is in the binary", target, path)
			}
		}
	}
}

// What would make another binary elsewhere is refused: here, tags.
func TestOtherBinariesAreRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module x\n", "main.go": "package main\n\nfunc main() {}\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ tags, refused string }{{"", ""}, {"odd", "-tags=odd"}} {
		cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-tags", c.tags, "-o", "x", ".")
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if err := plain(filepath.Join(dir, "x")); (err == nil) != (c.refused == "") || err != nil && !strings.Contains(err.Error(), c.refused) {
			t.Errorf("tags %q: %v", c.tags, err)
		}
	}
}
