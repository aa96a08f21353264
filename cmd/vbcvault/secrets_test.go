package main_test

import (
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// Secrets appear nowhere: not in logs at any level, not where the server's
// error repeats them, not in a dump of all stacks, not in a file.
func TestSecretsAreNowhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{Password: "pass/word&1", ClientSecret: "client secret 2"}).inDir()
	w.setenv("VBC_PASSWORD", "pass/word&1")
	w.setenv("VBC_CLIENT_SECRET", "client secret 2")
	secrets := []string{"pass/word&1", "pass%2Fword%261", "client secret 2", "client+secret+2"}
	w.someRecordings(4)
	n := 0
	cmd := w.command("archive", "--to", w.to, "--older-than", "90d", "--delete", "--json", "--log-level", "debug", "--workers", "1")
	w.account.Inject(func(r *http.Request) *vbctest.Fault {
		if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
			secrets = append(secrets, token)
		}
		if !isAudio(r) {
			return nil
		}
		switch n++; n {
		case 1:
			return &vbctest.Fault{Status: 404, Body: `{"msg":"no audio for ` + strings.Join(secrets, " ") + `"}`}
		case 3:
			w.signal(cmd, syscall.SIGQUIT)
			return &vbctest.Fault{Hang: true}
		}
		return nil
	})
	r := w.finish(cmd)
	if !strings.Contains(r.stderr, "goroutine ") || !strings.Contains(r.stderr, "[secret]") {
		t.Fatal("no dump, or no error with a secret in it")
	}
	w.account.Inject(nil)
	w.want(w.archive("--older-than", "90d", "--delete", "--log-level", "debug"), 0, nil)
	texts := map[string]string{"stdout": r.stdout, "stderr": r.stderr, "status": w.run("status").stdout,
		"report": w.run("report", "--out", "-").stdout}
	for _, dir := range []string{w.state, strings.TrimPrefix(w.to, "file://")} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			b, err := os.ReadFile(path)
			texts[path] = string(b)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for where, text := range texts {
		for _, s := range secrets {
			if strings.Contains(text, s) {
				t.Errorf("%s holds the secret %q", where, s)
			}
		}
	}
}

// What holds data of calls is readable for its owner only.
func TestFilesArePrivate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.someRecordings(2)
	w.setenv("VBCVAULT_STATE_DIR", filepath.Join(w.state, "made", "by it"))
	w.want(w.archive("--older-than", "90d", "--delete"), 0, nil)
	for _, dir := range []string{filepath.Join(w.state, "made"), strings.TrimPrefix(w.to, "file://")} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || path == dir {
				return err
			}
			info, err := d.Info()
			if err == nil && info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s: %v", path, info.Mode())
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Plain http is for this host only, unless somebody insists.
func TestPlainHTTPIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inS3(nil)
	w.someRecordings(1)
	for _, name := range []string{"AWS_ENDPOINT_URL_S3", "VBC_API_URL"} {
		w.setenv(name, "http://192.0.2.1:9")
		r := w.archive("--older-than", "90d")
		if r.code != 2 && r.code != 3 || !strings.Contains(r.stderr, "--insecure-http") {
			t.Errorf("%s: exit %d", name, r.code)
		}
	}
	if n := w.account.Counts().Total; n != 0 {
		t.Errorf("%d requests", n)
	}
}
