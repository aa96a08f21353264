package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// talk is a command at a terminal, and somebody who answers it.
type talk struct {
	t     *testing.T
	cmd   *exec.Cmd
	ours  *os.File
	reads chan string
	all   strings.Builder
	since string // what was shown since the last answer
}

// talking starts a command at a terminal of its own. Its stdout is what the caller says.
func talking(t *testing.T, cmd *exec.Cmd) *talk {
	t.Helper()
	ours, theirs := openTerminal(t, 50)
	cmd.Stdin, cmd.Stderr = theirs, theirs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	d := &talk{t: t, cmd: cmd, ours: ours, reads: make(chan string)}
	go func() {
		defer close(d.reads)
		for b := make([]byte, 4096); ; {
			n, err := ours.Read(b)
			if n > 0 {
				d.reads <- string(b[:n])
			}
			if err != nil { // the last end of it was closed
				return
			}
		}
	}()
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return d
}

// until waits until something is shown.
func (d *talk) until(question string) {
	d.t.Helper()
	late := time.After(time.Minute)
	for !strings.Contains(d.since, question) {
		select {
		case s, ok := <-d.reads:
			d.all.WriteString(s)
			d.since += s
			if !ok {
				d.t.Fatalf("it has ended without %q:\n%s", question, d.all.String())
			}
		case <-late:
			d.t.Fatalf("it doesn't ask %q:\n%s", question, d.all.String())
		}
	}
	_, d.since, _ = strings.Cut(d.since, question)
}

// answer waits for a question, and answers it.
func (d *talk) answer(question, said string) {
	d.t.Helper()
	d.until(question)
	if _, err := d.ours.WriteString(said + "\n"); err != nil {
		d.t.Fatal(err)
	}
}

// end waits for the end, and is the exit code.
func (d *talk) end() int {
	for s := range d.reads {
		d.all.WriteString(s)
	}
	_ = d.cmd.Wait()
	d.t.Logf("exit %d\n%s", d.cmd.ProcessState.ExitCode(), d.all.String())
	return d.cmd.ProcessState.ExitCode()
}

// newcomer has a world in which nothing is said about the account.
func newcomer(t *testing.T, cfg vbctest.Config) *world {
	w := newWorld(t, cfg)
	for _, name := range []string{"VBC_USERNAME", "VBC_PASSWORD", "VBC_CLIENT_ID", "VBC_CLIENT_SECRET"} {
		w.setenv(name, "")
	}
	return w
}

// Somebody is asked, mistakes the password and the bucket, and has an account at the end
// that archives. Nothing that is secret is shown, and no refused password is sent twice.
func TestInitAtATerminal(t *testing.T) {
	t.Parallel()
	w := newcomer(t, vbctest.Config{LockAfter: 3, TokenPath: "/t/vbc.prod/oauth2/token"}).inS3(nil)
	all := w.someRecordings(2)
	key, secret := w.lookup("AWS_ACCESS_KEY_ID"), w.lookup("AWS_SECRET_ACCESS_KEY")
	w.setenv("AWS_ACCESS_KEY_ID", "")
	w.setenv("AWS_SECRET_ACCESS_KEY", "")
	file := filepath.Join(t.TempDir(), "vbcvault.yaml")
	d := talking(t, w.command("init", "--out", file))
	d.answer("User name: ", "admin")
	d.answer("Password (not shown): ", "hunter2 wrong")
	d.answer("Client id: ", "client")
	d.answer("Client secret (not shown): ", "secret")
	d.answer("User name [admin]: ", "")
	d.answer("Password (not shown): ", "correct horse")
	d.until("subscribed; this is account 549825")
	d.answer("Destination: ", "s3://no-such-bucket-here/calls")
	d.answer("Access key id: ", key)
	d.answer("Secret access key (not shown): ", secret)
	d.until("404 Not Found")
	d.answer("Destination [s3://no-such-bucket-here/calls]: ", w.to)
	d.answer("AWS [http", "")
	d.answer("Other keys? [y/N]: ", "")
	d.answer("older than [90d]: ", "ten days")
	d.answer("older than [90d]: ", "200d")
	d.answer("[y/N]: ", "n")
	d.answer("vbcvault.yaml? [Y/n]: ", "")
	if code := d.end(); code != 0 {
		t.Fatal("it isn't set up")
	}
	for _, hidden := range []string{"hunter2", "correct horse", secret} {
		if strings.Contains(d.all.String(), hidden) {
			t.Errorf("%q was shown", hidden)
		}
	}
	if n := w.account.Counts().ByKind[vbctest.Token]; n != 2 {
		t.Errorf("%d requests for a token", n)
	}
	for _, name := range []string{"VBC_API_URL", "AWS_ENDPOINT_URL_S3", "AWS_REGION", "VBCVAULT_STATE_DIR"} { // all of that is in the file
		w.setenv(name, "")
	}
	if r := w.run("archive", "--config", file, "--all"); r.code != 0 {
		t.Errorf("exit %d", r.code)
	}
	w.mustHold(all...)
}

// Whoever stops it is asked only for the rest the next time.
func TestInitContinues(t *testing.T) {
	t.Parallel()
	w := newcomer(t, vbctest.Config{}).inDir()
	file := filepath.Join(t.TempDir(), "vbcvault.yaml")
	d := talking(t, w.command("init", "--out", file, "--older-than", "1y"))
	d.answer("User name: ", "admin")
	d.answer("Password (not shown): ", "correct horse")
	d.answer("Client id: ", "client")
	d.answer("Client secret (not shown): ", "secret")
	d.until("Destination: ")
	mustDo(t, d.cmd.Process.Signal(unix.SIGINT))
	if code := d.end(); code != 130 || !strings.Contains(d.all.String(), "it asks only for the rest") {
		t.Errorf("exit %d", code)
	}
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("half of it is there: %v", err)
	}
	d = talking(t, w.command("init", "--out", file))
	d.answer("Continue it? [Y/n]: ", "")
	d.answer("Destination: ", w.to)
	d.answer("[y/N]: ", "yes")
	d.answer("vbcvault.yaml? [Y/n]: ", "")
	if code := d.end(); code != 0 || strings.Contains(d.all.String(), "Password") {
		t.Errorf("exit %d, or it asks twice", code)
	}
	text := string(mustRead(t, file))
	for _, want := range []string{"older-than: 1y", "delete: true", "delete-after: 7d", "username: admin", "client-id: client"} {
		if !strings.Contains(text, want) {
			t.Errorf("it lacks %s:\n%s", want, text)
		}
	}
	left, err := os.ReadDir(filepath.Dir(file))
	if err != nil || len(left) != 2 {
		t.Errorf("beside the file and secrets: %v, %v", left, err)
	}
}

// A program that is killed while root is asked again, as by a terminal that is closed, leaves the service a record of
// refused logins that it can read and remove.
func TestInitIsKilledAfterARefusal(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("this takes root")
	}
	w, _ := packaged(t, vbctest.Config{}, "")
	w.inDir()
	w.setenv("VBC_PASSWORD", "not the one")
	d := talking(t, w.command("init", "--to", w.to))
	d.until("User name [admin]: ")
	mustDo(t, d.cmd.Process.Kill())
	d.end()
	info, err := os.Lstat(filepath.Join(w.state, "refused-logins.json"))
	if err != nil || info.Sys().(*syscall.Stat_t).Uid != nobody {
		t.Errorf("%v, %v: the service can't use it", info, err)
	}
}

// A service that runs has the secrets that it was handed when it began. Whoever replaces
// one is told to restart it.
func TestInitReplacesASecret(t *testing.T) {
	t.Parallel()
	w, etc := packaged(t, vbctest.Config{}, "")
	w.inDir()
	mustDo(t, os.Chmod(strings.TrimPrefix(w.to, "file://"), 0o777))
	mustDo(t, os.WriteFile(filepath.Join(etc, "secrets/main-password"), []byte("the one before\n"), 0o600))
	cmd := w.command("init", "--to", w.to, "--older-than", "90d", "--delete=false")
	var out strings.Builder
	cmd.Stdout = &out
	d := talking(t, cmd)
	d.answer("Replace it? [y/N]: ", "y")
	d.answer("config.yaml? [Y/n]: ", "")
	if code := d.end(); code != 0 || !strings.Contains(out.String(), "systemctl restart") || strings.Contains(out.String(), "systemctl reload") {
		t.Errorf("exit %d\n%s", code, out.String())
	}
}
