package main_test

import (
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
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
	w.filesOf(texts, w.state, strings.TrimPrefix(w.to, "file://"))
	nowhere(t, secrets, texts)
}

// filesOf adds what is in all files of the directories.
func (w *world) filesOf(texts map[string]string, dirs ...string) {
	w.t.Helper()
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			b, err := os.ReadFile(path)
			texts[path] = string(b)
			return err
		})
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

// nowhere fails if one of the texts has one of the secrets in it.
func nowhere(t *testing.T, secrets []string, texts map[string]string) {
	t.Helper()
	for where, text := range texts {
		for _, s := range secrets {
			if strings.Contains(text, s) {
				t.Errorf("%s holds the secret %q", where, s)
			}
		}
	}
}

// The same of a configuration file, whose secrets come from everywhere, and of all that
// is told: notifications, metrics, reports, tables, and the service with its jobs.
func TestSecretsOfAFileAreNowhere(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 1, inDir, func(int) vbctest.Config {
		return vbctest.Config{Password: "pass/word&1", ClientSecret: "client secret 2"}
	})
	m, people, dead, closed := f.members[0], newHooks(t), newHooks(t), newHooks(t)
	dead.answer = 500
	closed.Close()
	const key = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
	secrets := []string{"pass/word&1", "pass%2Fword%261", "client secret 2", "client+secret+2", "T0K3N-of", key, "mail password 3", "bWFpbCBwYXNzd29yZCAz", "CH3CK"}
	files := t.TempDir()
	for name, value := range map[string]string{
		"client": "client secret 2\n", "people": people.URL + "/services/T0K3N-of-people", "dead": dead.URL + "/T0K3N-of-dead?key=T0K3N-of-query", "key": "whsec_" + key, "mail": "mail password 3",
	} {
		if err := os.WriteFile(filepath.Join(files, name), []byte(value), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f.setenv("PASSWORD", "pass/word&1")
	f.setenv("CHECK", people.URL+"/CH3CK-1-2-3-4")
	m.lines = []string{fmt.Sprintf("vbc: {api-url: %q, username: bot0, password: {env: PASSWORD}, client-id: client, client-secret: {exec: [cat, %s/client]}}", m.url, files)}
	f.write().tells(
		fmt.Sprintf("people: {on: [always], webhook: {url: {file: %s/people}, secret: {exec: [cat, %s/key]}}}", files, files),
		fmt.Sprintf("dead: {on: [always], webhook: {url: {file: %s/dead}}}", files),
		fmt.Sprintf("mail: {on: [always], email: {host: %q, from: a@example.com, to: [b@example.com], username: archive, password: {file: %s/mail}, tls: none}}", strings.TrimPrefix(closed.URL, "http://"), files),
		"hc: {healthchecks: {url: {env: CHECK}}}",
		fmt.Sprintf("log: {on: [always], command: [/bin/sh, -c, 'env >> %s/told; cat >> %s/told']}", f.state, f.state))
	var mu sync.Mutex                  // guards secrets, known and n
	known := slices.Clone(secrets[:4]) // to VBC, which repeats them
	n := 0
	m.Inject(func(r *http.Request) *vbctest.Fault {
		mu.Lock()
		defer mu.Unlock()
		if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
			secrets, known = append(secrets, token), append(known, token)
		}
		if !isAudio(r) {
			return nil
		}
		if n++; n == 1 {
			return &vbctest.Fault{Status: 404, Body: `{"msg":"no audio for ` + strings.Join(known, " ") + `"}`}
		}
		return nil
	})
	texts := map[string]string{}
	add := func(r result) {
		texts[fmt.Sprintf("output %d", len(texts))] = r.stdout + r.stderr
	}
	metrics, report := filepath.Join(f.state, "vbcvault.prom"), filepath.Join(f.state, "report.html")
	for range 2 { // with a failure, and well again
		add(f.run("archive", "--config", f.file, "--all", "--json", "--log-level", "debug", "--workers", "1", "--metrics-file", metrics))
	}
	f.setenv("PASSWORD", "") // which messages name
	add(f.run("archive", "--config", f.file, "--all", "--json"))
	f.setenv("PASSWORD", "pass/word&1")
	add(f.run("notify", "test", "--config", f.file))
	add(f.run("status", "--config", f.file, "--json"))
	add(f.run("report", "--config", f.file, "--since", "2020-01-01", "--out", report))
	stop := f.serves()
	m.Inject(func(r *http.Request) *vbctest.Fault {
		mu.Lock()
		defer mu.Unlock()
		token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if ok {
			secrets = append(secrets, token)
		}
		if isList(r) {
			return &vbctest.Fault{Status: 403, Body: `{"msg":"no list for ` + strings.Join(known[:4], " ") + " " + token + `"}`}
		}
		return nil
	})
	add(f.run("run", "a0", "--config", f.file, "--wait", "--json"))
	jobs := f.run("jobs", "--config", f.file)
	for !strings.Contains(jobs.stdout, "notifier dead: HTTP 500; notifier mail: ") { // the error of a job is in its row
		if t.Context().Err() != nil {
			t.Fatal("no job has an error")
		}
		jobs = f.run("jobs", "--config", f.file)
	}
	add(jobs)
	texts["dump of the service"] = stop(syscall.SIGQUIT)
	_, bodies := people.said()
	texts["what people got"] = strings.Join(bodies, "\n")
	f.filesOf(texts, f.state, strings.TrimPrefix(f.to, "file://"))
	for where, want := range map[string]string{
		"dump of the service": "goroutine ", "what people got": "vbcvault.failure", "output 0": "[secret]", metrics: "vbcvault_", report: "<html", filepath.Join(f.state, "told"): "vbcvault.recovery",
		filepath.Join(f.state, "notified.json"): "people", filepath.Join(f.state, "service.db"): "SQLite", "output 2": "environment variable PASSWORD is not set", "output 3": "people: took the message",
	} {
		if !strings.Contains(texts[where], want) {
			t.Errorf("%s has no %q, so this shows nothing", where, want)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	nowhere(t, secrets, texts)
	if !strings.Contains(texts["what people got"], "environment variable PASSWORD is not set") {
		t.Error("people aren't told which secret is missing")
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
