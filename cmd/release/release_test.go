package main

import (
	"context"
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
