package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// block is the first block of code in a text after some words.
func block(t *testing.T, text, after string) string {
	t.Helper()
	_, text, found := strings.Cut(text, after)
	_, text, opened := strings.Cut(text, "```")
	_, text, _ = strings.Cut(text, "\n") // the language
	text, _, closed := strings.Cut(text, "```")
	if !found || !opened || !closed {
		t.Fatalf("the README has no block after %q", after)
	}
	return text
}

// What the README says of every night, word for word but for the directories, as
// a user without rights: by cron's line in a shell that has next to no
// environment. The units of systemd are the packages', and tried there.
func TestReadmesNightRuns(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no sh")
	}
	t.Parallel()
	night := readme(t)[strings.Index(readme(t), "## Every night"):]
	settings := block(t, night, "`/etc/vbcvault/env`")
	cron := strings.TrimSpace(block(t, night, "`/etc/cron.d/vbcvault`"))

	for name, start := range map[string]func(*testing.T, func(string) string) *exec.Cmd{
		"cron": func(t *testing.T, here func(string) string) *exec.Cmd {
			m := regexp.MustCompile(`^(?:[0-9*]+ ){5} ?(\w+)  (.*)$`).FindStringSubmatch(cron)
			if m == nil || m[1] != "vbcvault" || strings.Contains(cron, "%") {
				t.Fatalf("no line of a system's crontab: %q", cron)
			}
			cmd := exec.Command("/bin/sh", "-c", here(m[2]))
			cmd.Env = []string{"HOME=" + here("/var/lib/vbcvault"), "LOGNAME=vbcvault", "SHELL=/bin/sh", "PATH=/usr/bin:/bin"}
			return cmd
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, vbctest.Config{Username: "archive.bot@vbc.prod"})
			w.someRecordings(2)
			root, err := os.MkdirTemp("", "vbcvault-night-") // which a user without rights may enter
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.RemoveAll(root) })
			w.inDirectory(filepath.Join(root, "archive"))
			here := strings.NewReplacer(
				"/etc/vbcvault", filepath.Join(root, "etc"), "/var/log/vbcvault", filepath.Join(root, "log"), "/var/lib/vbcvault", filepath.Join(root, "lib"),
				"/usr/local/bin/vbcvault", filepath.Join(root, "vbcvault"), "s3://MY-BUCKET/recordings", w.to, "CLIENT-ID", "client",
			).Replace
			for _, dir := range []string{"archive", "etc", "log", "lib"} {
				mustDo(t, os.Mkdir(filepath.Join(root, dir), 0o755))
			}
			copyProgram(t, filepath.Join(root, "vbcvault"))
			mustDo(t, os.Chmod(root, 0o755))
			url := ""
			for _, v := range w.env {
				if strings.HasPrefix(v, "VBC_API_URL=") {
					url = v + "\n" // the simulator's
				}
			}
			mustDo(t, os.WriteFile(here("/etc/vbcvault/env"), []byte(here(settings)+url), 0o644))
			mustDo(t, os.WriteFile(here("/etc/vbcvault/password"), []byte("correct horse\n"), 0o644))
			mustDo(t, os.WriteFile(here("/etc/vbcvault/client-secret"), []byte("secret\n"), 0o644))

			cmd := start(t, here)
			cmd.Env = append(cmd.Env, "GORACE=atexit_sleep_ms=10")
			cmd.Dir = "/"
			asNobody(t, cmd, filepath.Join(root, "archive"), filepath.Join(root, "log"), filepath.Join(root, "lib"))
			out, err := cmd.CombinedOutput()
			log, _ := os.ReadFile(here("/var/log/vbcvault/run.log")) // cron's alone
			if err != nil {
				t.Fatalf("%v\n%s%s", err, out, log)
			}
			w.mustHold(w.account.Recordings()...)
			if found, err := filepath.Glob(here("/var/lib/vbcvault/*.manifest")); err != nil || len(found) != 1 {
				t.Errorf("manifests: %v, %v", found, err)
			}
			if summary, err := os.ReadFile(here("/var/log/vbcvault/summary.json")); name == "cron" && (err != nil || !strings.Contains(string(summary), `"archived":2`)) {
				t.Errorf("the summary: %s, %v", summary, err)
			}
		})
	}
}

// copyProgram copies the program by another process: a file that this one has open
// for writing, while another test starts something, can't be run (golang/go#22315).
func copyProgram(t *testing.T, to string) {
	t.Helper()
	mustDo(t, exec.Command("cp", program(t), to).Run())
	mustDo(t, os.Chmod(to, 0o755))
}

func mustDo(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
