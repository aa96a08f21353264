package main_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	vbcvault "github.com/vbcvault/vbcvault/cmd/vbcvault"
	"github.com/vbcvault/vbcvault/storage/storagetest"
)

// program is where vbcvault lies: the test binary itself, which is the program
// when it is started by that name (see TestMain).
func program(t testing.TB) string {
	t.Helper()
	name, err := exec.LookPath("vbcvault")
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// built has w run the program as users have it, for what measures it.
func (w *world) built() *world {
	w.t.Helper()
	name, err := buildOnce()
	if err != nil {
		w.t.Fatal(err)
	}
	w.program = name
	return w
}

var buildOnce = building("built", ".")

// building builds a program of this module once, at its first call.
func building(name, pkg string) func() (string, error) {
	return sync.OnceValues(func() (string, error) {
		path := filepath.Join(shared, name)
		out, err := exec.Command("go", "build", "-o", path, pkg).CombinedOutput()
		if err != nil {
			err = fmt.Errorf("build %s: %w: %s", pkg, err, out)
		}
		return path, err
	})
}

// shared is a directory for what tests share.
var shared string

func TestMain(m *testing.M) {
	testscript.Main(suite{m}, map[string]func(){"vbcvault": vbcvault.Main})
}

// suite is all tests, in a process that isn't the program.
type suite struct{ *testing.M }

func (s suite) Run() int {
	flag.Parse()
	if chosen := flag.Lookup("test.parallel"); chosen.Value.String() == chosen.DefValue {
		_ = flag.Set("test.parallel", strconv.Itoa(4*runtime.GOMAXPROCS(0))) // they mostly wait for processes and servers
	}
	defer storagetest.TempInMemory()()
	var err error
	if shared, err = os.MkdirTemp("", "vbcvault-shared-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(shared)
	return s.M.Run()
}

// notShort skips what takes long, and says why it does.
func notShort(t *testing.T, why string) {
	t.Helper()
	if testing.Short() {
		t.Skip(why + "; not with -short")
	}
}
