//go:build unix

package main_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/storagetest"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// asked is how many requests VBC has got of all accounts.
func (s *served) asked() (n int) {
	for _, a := range s.accounts {
		n += a.Counts().Total
	}
	return n
}

// A volume that several machines may write to is refused at the start, before anything is
// made there and before VBC is asked, by whatever would keep a database there.
func TestStateOnFUSE(t *testing.T) {
	t.Parallel()
	there := storagetest.FUSE(t)
	s := newServed(t, "acme", "globex")
	s.each(2)
	s.state = filepath.Join(there, "state")
	s.more = "web: {listen: \"127.0.0.1:0\"}\n"
	s.write()
	for _, c := range []struct {
		code int
		args []string
		say  string
	}{
		{3, []string{"serve"}, "the state of the service can't be on"},
		{3, []string{"web"}, "the state of the page can't be on"},
		{3, []string{"archive", "--all"}, "a manifest can't be on"},
	} {
		r := s.refusal(c.args...)
		s.want(r, c.code, nil)
		s.saysHow(r.stderr, c.say)
		if c.args[0] == "archive" && strings.Count(r.stderr, "code=network-disk") != 2 {
			t.Error("the accounts' outcomes have another code")
		}
		if strings.Contains(r.stderr, "account acme: ") && c.args[0] == "serve" {
			t.Error("what is wrong with the state directory is said of each account too")
		}
		if n, made := s.asked(), databases(t, there); n != 0 || len(made) > 0 {
			t.Fatalf("%s: %d requests to VBC, and %q on the network", c.args[0], n, made)
		}
	}
	r := s.run("config", "check", s.file)
	s.want(r, 2, nil)
	s.saysHow(r.stdout, "state-dir: the state of the service can't be on")
}

// refusal runs a command that must not begin; one that does would go on, and is stopped.
func (s *served) refusal(args ...string) result {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 30*time.Second)
	defer cancel()
	cmd := s.command(append(args, "--config", s.file)...)
	limited := exec.CommandContext(ctx, cmd.Path, cmd.Args[1:]...)
	limited.Env = cmd.Env
	return s.finish(limited)
}

// databases are files below a directory other than those which say that an account is not
// done.
func databases(t *testing.T, dir string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !strings.HasSuffix(path, ".not-done.json") {
			all = append(all, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// saysHow wants to be told what is wrong, where, and how to mend it on any machine and
// in Kubernetes.
func (w *world) saysHow(said, what string) {
	w.t.Helper()
	for _, text := range []string{what, "is on fuse", "state-dir", "VBCVAULT_STATE_DIR", "ReadWriteOnce", "not NFS, EFS"} {
		if !strings.Contains(said, text) {
			w.t.Errorf("it doesn't say %q:\n%s", text, said)
		}
	}
}

// One account's manifest there is enough: the service would leave it out each night. A
// file that is read again is not taken over then.
func TestServeWithAManifestOnFUSE(t *testing.T) {
	t.Parallel()
	there := storagetest.FUSE(t)
	s := newServed(t, "acme", "globex")
	s.write()
	good, err := os.ReadFile(s.file)
	if err != nil {
		t.Fatal(err)
	}
	s.accounts[1].schedule = "    manifest: " + filepath.Join(there, "m") + "\n"
	s.write()
	r := s.refusal("serve")
	s.want(r, 3, nil)
	s.saysHow(r.stderr, "account globex: a manifest can't be on")
	if _, err := os.Stat(filepath.Join(s.state, "service.db")); !os.IsNotExist(err) {
		t.Errorf("something was made before it was refused: %v", err)
	}
	r = s.run("config", "check", s.file)
	s.want(r, 2, nil)
	s.saysHow(r.stdout, "accounts.globex: a manifest can't be on")
	bad, err := os.ReadFile(s.file)
	if err != nil {
		t.Fatal(err)
	}
	put := func(text []byte) {
		t.Helper()
		if err := os.WriteFile(s.file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(good)
	s.start()
	put(bad)
	s.signalIt(syscall.SIGHUP)
	s.says("the configuration is not taken over")
	s.saysHow(s.log.String(), "account globex: a manifest can't be on")
	put(good)
	s.signalIt(syscall.SIGHUP)
	s.says("the configuration is taken over")
	if n := s.asked(); n != 0 || s.tree(there) != "" {
		t.Errorf("%d requests to VBC, and %q on the network", n, s.tree(there))
	}
}

// A command on another machine mustn't open what a service has on its own disk, and
// shares with the network: not to ask it for work, and not to look.
func TestServiceSharedByTheNetwork(t *testing.T) {
	t.Parallel()
	s := newServed(t, "acme")
	s.write()
	s.start()
	s.signalIt(syscall.SIGTERM)
	if code := s.end(); code != 0 {
		t.Fatalf("serve: exit %d", code)
	}
	there := storagetest.FUSE(t)
	text, err := os.ReadFile(filepath.Join(s.state, "service.db"))
	if err == nil {
		err = os.WriteFile(filepath.Join(there, "service.db"), text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.state = there
	s.write()
	for _, args := range [][]string{{"jobs"}, {"run", "acme"}} {
		r := s.ask(args...)
		s.want(r, 3, nil)
		s.saysHow(r.stderr, "the state of the service can't be on")
	}
	if s.tree(there) != "service.db" {
		t.Errorf("they have made %q", s.tree(there))
	}
}

// Doctor doesn't open a manifest where no run would, since that makes files beside it.
func TestDoctorLeavesAManifestOnFUSE(t *testing.T) {
	t.Parallel()
	there := storagetest.FUSE(t)
	w := newWorld(t, vbctest.Config{}).inDir()
	w.someRecordings(2)
	made := filepath.Join(w.state, "m")
	w.want(w.archive("--older-than", "90d", "--manifest", made), 0, map[string]int{"archived": 2})
	text, err := os.ReadFile(made)
	if err == nil {
		err = os.WriteFile(filepath.Join(there, "m"), text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	f := w.doctor(1, "--manifest", filepath.Join(there, "m"))["manifest"]
	if f.Level != storage.Failure {
		t.Errorf("%+v", f)
	}
	w.saysHow(f.Means+f.Mend, "a manifest can't be on")
	if w.tree(there) != "m" {
		t.Errorf("it has made %q", w.tree(there))
	}
}
