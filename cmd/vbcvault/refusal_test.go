package main_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vbcvault/vbcvault/storage/storagetest"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// setenv changes one variable of the world's environment.
func (w *world) setenv(name, value string) {
	for i, kv := range w.env {
		if strings.HasPrefix(kv, name+"=") {
			w.env = append(w.env[:i], w.env[i+1:]...)
			break
		}
	}
	if value != "" {
		w.env = append(w.env, name+"="+value)
	}
}

func TestWrongPassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inS3(nil)
	w.someRecordings(2)
	w.setenv("VBC_PASSWORD", "not the one")
	r := w.archive("--older-than", "90d", "--delete", "--log-level", "debug")
	w.want(r, 3, map[string]int{"listed": 0, "exit_code": 3})
	if c := w.account.Counts(); c.Total != 1 || w.proxy.Count("") != 0 {
		t.Errorf("%v and %d requests to S3; want one for the token", c.ByKind, w.proxy.Count(""))
	}
	if !strings.Contains(r.stderr, "integration user") || strings.Contains(r.stdout+r.stderr, "not the one") {
		t.Error("no hint, or the password is shown")
	}
}

func TestApplicationWithoutSubscription(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{NotSubscribed: true}).inDir()
	w.someRecordings(2)
	r := w.archive("--older-than", "90d")
	w.want(r, 3, nil)
	if c := w.account.Counts(); c.Total != 2 || !strings.Contains(r.stderr, "subscribe your application") {
		t.Errorf("%v; want a token and one refused listing, and a hint", c.ByKind)
	}
}

func TestWrongRouteIsSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.setenv("VBC_API_ROOT", "/t/vbc.prod/call_recording/v9/api")
	r := w.archive("--older-than", "90d")
	w.want(r, 3, nil)
	if !strings.Contains(r.stderr, "VBC_API_ROOT") {
		t.Error("no hint")
	}
}

// India has another root, and a form without v1 exists.
func TestOtherRoots(t *testing.T) {
	t.Parallel()
	for _, root := range []string{"/t/vbc.prod/call_recording_india/api", "/t/vbc.prod/call_recording/api"} {
		w := newWorld(t, vbctest.Config{APIRoot: root, NoSelfLinks: true}).inDir()
		w.setenv("VBC_API_ROOT", root)
		all := w.someRecordings(2)
		w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"archived": 2, "deleted": 2})
		w.mustHold(all...)
	}
}

func TestUnusableBucket(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]*storagetest.S3Fault{
		"no such bucket": {Status: http.StatusNotFound, Code: "NoSuchBucket"},
		"access denied":  {Status: http.StatusForbidden, Code: "AccessDenied"},
	} {
		w := newWorld(t, vbctest.Config{}).inS3(func(string, string, *http.Request) *storagetest.S3Fault { return f })
		w.someRecordings(2)
		r := w.archive("--older-than", "90d", "--delete")
		w.want(r, 3, map[string]int{"archived": 0, "deleted": 0})
		if c := w.account.Counts(); c.ByKind[vbctest.Audio] != 0 {
			t.Errorf("%s: %v", name, c.ByKind)
		}
	}
	w := newWorld(t, vbctest.Config{}).inS3(nil)
	w.someRecordings(2)
	w.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
	w.want(w.archive("--older-than", "90d"), 3, map[string]int{"archived": 0})
}

// A bucket that becomes unwritable in the middle ends the run.
func TestBucketBecomesUnwritable(t *testing.T) {
	t.Parallel()
	puts := 0
	w := newWorld(t, vbctest.Config{}).inS3(func(op, key string, _ *http.Request) *storagetest.S3Fault {
		if op == "PutObject" && !strings.Contains(key, "probe") {
			if puts++; puts > 8 {
				return &storagetest.S3Fault{Status: http.StatusForbidden, Code: "AccessDenied"}
			}
		}
		return nil
	})
	all := w.someRecordings(20)
	r := w.archive("--older-than", "90d", "--delete", "--workers", "2")
	w.want(r, 3, nil)
	if c := w.account.Counts(); c.ByKind[vbctest.Audio] > 8 {
		t.Errorf("it went on: %v", c.ByKind)
	}
	w.nothingLost(all)
}

func TestManifestBelongsToOneAccountAndDestination(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.someRecordings(2)
	m := filepath.Join(w.state, "m")
	w.want(w.archive("--older-than", "90d", "--manifest", m), 0, map[string]int{"archived": 2})

	other := newWorld(t, vbctest.Config{Account: 4711}).inDir()
	other.someRecordings(2)
	r := other.run("archive", "--older-than", "90d", "--manifest", m, "--to", w.to, "--delete", "--json")
	other.want(r, 3, map[string]int{"deleted": 0, "exit_code": 3})
	if !strings.Contains(r.stderr, "account 549825") {
		t.Error("it isn't said")
	}
	before := other.account.Counts().Total
	r = other.archive("--older-than", "90d", "--manifest", m)
	other.want(r, 3, nil)
	if other.account.Counts().Total != before {
		t.Error("requests were sent for a manifest of another destination")
	}
}

// A manifest that can't be written: nothing is deleted without it.
func TestUnwritableManifest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.someRecordings(2)
	file := filepath.Join(w.state, "not-a-database")
	if err := os.WriteFile(file, []byte("something else entirely, and long enough to be looked at"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.want(w.archive("--older-than", "90d", "--delete", "--manifest", file), 3, nil)
	if n := w.account.Counts().Total; n != 0 {
		t.Errorf("%d requests", n)
	}
}

func TestSecretsFromFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.someRecordings(1)
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("correct horse\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.setenv("VBC_PASSWORD", "")
	w.setenv("VBC_PASSWORD_FILE", file)
	address := filepath.Join(t.TempDir(), "url")
	for _, kv := range w.env {
		if url, ok := strings.CutPrefix(kv, "VBC_API_URL="); ok {
			if err := os.WriteFile(address, []byte(url+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.setenv("VBC_API_URL", "")
	w.setenv("VBC_API_URL_FILE", address)
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 1})
	w.setenv("VBC_PASSWORD", "x")
	w.want(w.archive("--older-than", "90d"), 2, nil)
}

// No secret is in any file that a run leaves behind, nor in what it prints.
func TestSecretsStaySecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.someRecordings(3)
	w.account.Inject(func(r *http.Request) *vbctest.Fault {
		if isDelete(r) {
			return &vbctest.Fault{Status: 403, Body: `{"msg":"no: ` + r.Header.Get("Authorization") + ` correct horse"}`}
		}
		return nil
	})
	r := w.archive("--older-than", "90d", "--delete", "--log-level", "debug")
	w.want(r, 1, nil)
	everything := []string{r.stdout, r.stderr}
	keyFile := w.manifest() + ".key"
	key := strings.TrimSpace(string(readFile(t, keyFile)))
	for _, dir := range []string{w.state, strings.TrimPrefix(w.to, "file://")} {
		err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
			if err == nil && info.Mode().IsRegular() {
				b, readErr := os.ReadFile(path)
				if err = readErr; path != keyFile {
					everything = append(everything, string(b))
				}
				if info.Mode().Perm() != 0o600 {
					t.Errorf("%s has mode %v", path, info.Mode())
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, text := range everything {
		for _, secret := range []string{"correct horse", "at-", "rt-"} {
			if i := strings.Index(text, secret); i >= 0 && strings.Contains(text[i:min(len(text), i+60)], secret) && secret == "correct horse" {
				t.Errorf("%q is shown", secret)
			}
		}
		if strings.Contains(text, "Bearer at-") {
			t.Error("a token is shown")
		}
		if strings.Contains(text, strings.SplitN(key, "+", 5)[4]) { // with the seed
			t.Error("the signing key is shown")
		}
	}
}
