//go:build unix

package main_test

import (
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// Root beside a service that runs as another user: what only looks works, and leaves no
// file that is root's; what would make one is refused, and says as whom to run it.
func TestRootBesideAService(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("this takes root")
		}
		t.Skip("this takes root")
	}
	w := newWorld(t, vbctest.Config{}).inDir()
	w.account.Add(vbctest.Recording{ID: 1, Start: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Size: 2000})
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 1})
	manifests, err := filepath.Glob(filepath.Join(w.state, "*.manifest"))
	if err != nil || len(manifests) != 1 {
		t.Fatal(manifests, err)
	}
	mustDo(t, os.Remove(manifests[0]+".lock"))
	config := filepath.Join(t.TempDir(), "vbcvault.yaml")
	mustDo(t, os.WriteFile(config, []byte("state-dir: "+w.state+"\naccounts:\n  acme:\n    older-than: 90d\n    manifest: "+manifests[0]+"\n    to: "+w.to+
		"\n    vbc: {username: admin, password: {env: VBC_PASSWORD}, client-id: client, client-secret: {env: VBC_CLIENT_SECRET}}\n"), 0o600))
	const other = 65534
	each(t, w.state, func(path string, _ uint32) { mustDo(t, os.Lchown(path, other, other)) })

	for _, args := range [][]string{{"status"}, {"list"}, {"status", "--config", config}, {"manifest", "check"}} {
		if r := w.run(args...); r.code != 0 {
			t.Errorf("%v is only looking: exit %d\n%s", args, r.code, r.stderr)
		}
	}
	w.account.Inject(func(r *http.Request) *vbctest.Fault {
		t.Errorf("VBC was asked for %s, for nothing", r.URL.Path)
		return nil
	})
	for _, args := range [][]string{
		{"archive", "--older-than", "90d", "--to", w.to},
		{"archive", "--older-than", "90d", "--to", w.to, "--dry-run"},
		{"archive", "--config", config, "acme"},
		{"archive", "--older-than", "90d", "--to", w.to, "--manifest", filepath.Join(w.state, "new", "new.manifest")},
		{"verify"},
		{"hold", "add", "--id", "1", "--reason", "x", "--by", "y"},
		{"rebuild", "--from", w.to, "--manifest", filepath.Join(w.state, "rebuilt.manifest")},
		{"doctor", "--to", w.to},
		{"serve", "--config", config},
		{"web", "add-user", "ann", "--role", "admin", "--config", config},
	} {
		if r := w.run(args...); r.code != 2 || !strings.Contains(r.stdout+r.stderr, "belongs to the user") || !strings.Contains(r.stdout+r.stderr, "sudo -u") {
			t.Errorf("%v: exit %d\n%s%s", args, r.code, r.stdout, r.stderr)
		}
	}
	each(t, w.state, func(path string, uid uint32) {
		if uid != other {
			t.Errorf("%s is root's", path)
		}
	})
}

// each calls f for everything in a directory, with its owner.
func each(t *testing.T, dir string, f func(path string, uid uint32)) {
	t.Helper()
	mustDo(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil {
			f(path, info.Sys().(*syscall.Stat_t).Uid)
		}
		return err
	}))
}
