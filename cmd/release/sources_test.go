package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// runHere runs the program for this machine with an environment of its own.
func runHere(t *testing.T, r *release, env []string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.Command(r.binary(target{runtime.GOOS, runtime.GOARCH}), args...)
	cmd.Env = append([]string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH"), "VBCVAULT_STATE_DIR=" + t.TempDir()}, env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// The configuration file as it comes has no account and says so; with the # before its
// keys removed, the program has nothing to say against it but the modes of the secrets.
func TestConfigurationOfPackages(t *testing.T) {
	t.Parallel()
	r := built(t)
	path := (&parcel{release: r}).source("config.yaml")
	if out, err := runHere(t, r, nil, "config", "check", path); err == nil || !strings.Contains(out, "accounts") {
		t.Errorf("as it comes: %v\n%s", err, out)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	whole := regexp.MustCompile(`(?m)^#([^ #\n])`).ReplaceAllString(string(text), "$1")
	whole = regexp.MustCompile(`(?m)^#(  )`).ReplaceAllString(whole, "$1")
	whole = strings.NewReplacer("/var/lib/vbcvault", filepath.Join(dir, "state"), "MY-BUCKET", "my-bucket").Replace(whole)
	if err := os.WriteFile(filepath.Join(dir, "config.yaml"), []byte(whole), 0o600); err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`\{credential: ([a-z-]+)\}`).FindAllStringSubmatch(whole, -1)
	for _, name := range names {
		value := "x"
		if strings.HasSuffix(name[1], "-url") {
			value = "https://hooks.example.com/x"
		}
		if err := os.WriteFile(filepath.Join(dir, "secrets_"+name[1]), []byte(value), 0o400); err != nil {
			t.Fatal(err)
		}
	}
	out, err := runHere(t, r, []string{"CREDENTIALS_DIRECTORY=" + dir}, "config", "check", filepath.Join(dir, "config.yaml"))
	if err != nil || len(names) < 5 || strings.Contains(out, "warning") {
		t.Errorf("%v\n%s\n%s", err, out, whole)
	}
}

// The example of an environment file leads to a run: the program makes a configuration
// file of its settings and flags.
func TestEnvironmentFileOfPackages(t *testing.T) {
	t.Parallel()
	r := built(t)
	text, err := os.ReadFile((&parcel{release: r}).source("archive.env"))
	if err != nil {
		t.Fatal(err)
	}
	env := []string{"VBC_PASSWORD=x", "VBC_CLIENT_SECRET=x"}
	var flags []string
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if value, ok := strings.CutPrefix(line, "VBCVAULT_ARCHIVE="); ok {
			flags = strings.Fields(strings.ReplaceAll(strings.Trim(value, `"`), "MY-BUCKET", "my-bucket"))
		} else if line != "" && line[0] != '#' {
			env = append(env, line)
		}
	}
	out, err := runHere(t, r, env, append([]string{"config", "init", "--if-running", "skip"}, flags...)...)
	if err != nil || !strings.Contains(out, "s3://my-bucket/recordings") {
		t.Errorf("%v\n%s", err, out)
	}
}
