package charttest

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"helm.sh/helm/v3/pkg/chartutil"
)

var (
	packed = flag.String("chart", "", "the packed chart that is tried (default: the chart of the repository)")
	given  = flag.String("program", "", "the vbcvault that is tried with it (default: it is built)")
)

// chartDir is the chart that is tried.
var chartDir = "../chart/vbcvault"

// programDir is where vbcvault is built, once for all tests.
var programDir string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(func() int {
		var err error
		if programDir, err = os.MkdirTemp("", "charttest"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(programDir)
		if err := os.Chmod(programDir, 0o755); err != nil { // the user of the image runs it too
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		if *packed != "" {
			if err := chartutil.ExpandFile(programDir, *packed); err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
			chartDir = filepath.Join(programDir, "vbcvault")
		}
		return m.Run()
	}())
}

// program is the path of vbcvault as it is in this repository: the chart and the
// program that its image has are of one commit.
func program(t *testing.T) string {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var built = sync.OnceValues(func() (string, error) {
	path := filepath.Join(programDir, "program")
	if *given != "" {
		return path, copyOf(path, *given)
	}
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, "./cmd/vbcvault")
	cmd.Dir = filepath.Join("..", "..", "..")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build vbcvault: %w\n%s", err, out)
	}
	return path, nil
})

// printed is what vbcvault prints that does nothing else.
func printed(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(program(t), args...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("vbcvault %v: %v\n%s", args, err, &errs)
	}
	return out
}

// copyOf copies a program to where the pod's user gets.
func copyOf(to, from string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o755)
}
