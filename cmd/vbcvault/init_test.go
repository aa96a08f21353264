package main_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	vbcvault "github.com/vbcvault/vbcvault/cmd/vbcvault"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// lookup is what a variable of the environment is for the program.
func (w *world) lookup(name string) (value string) {
	for _, kv := range w.env {
		if v, ok := strings.CutPrefix(kv, name+"="); ok {
			value = v
		}
	}
	return value
}

func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// nobody is the service's user where root runs the tests.
const nobody = 65534

// packaged is a world with the package's directories, and its configuration as it is
// installed, in a root of its own.
func packaged(t *testing.T, cfg vbctest.Config, config string) (w *world, etc string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("there are no packages for it")
	}
	root := publicDir(t)
	etc = filepath.Join(root, "etc/vbcvault")
	secrets, state := filepath.Join(etc, "secrets"), filepath.Join(root, "var/lib/vbcvault")
	for _, dir := range []string{etc, secrets, state} {
		mustDo(t, os.MkdirAll(dir, 0o755))
	}
	mustDo(t, os.Chmod(secrets, 0o750))
	mustDo(t, os.Chmod(state, 0o750))
	if os.Geteuid() == 0 {
		mustDo(t, os.Chown(secrets, -1, nobody))
		mustDo(t, os.Chown(state, nobody, nobody))
	}
	if config != "" {
		mustDo(t, os.WriteFile(filepath.Join(etc, "config.yaml"), []byte(strings.ReplaceAll(config, "/var/lib/vbcvault", state)), 0o640))
	}
	w = newWorld(t, cfg)
	w.setenv("VBCVAULT_STATE_DIR", "")
	w.setenv(vbcvault.Installed, root)
	w.setenv("CREDENTIALS_DIRECTORY", secrets)
	w.state = state
	return w, etc
}

// As root, with the package, it is the package's service that is set up: in its file,
// which it completes, with keys of AWS that are only in this environment.
func TestInitSetsUpTheService(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]string{
		"as packaged":   string(mustRead(t, "../release/packaging/config.yaml")),
		"nothing there": "",
		"comments":      "# vbcvault\n\n# accounts:\n#   main:\n#     older-than: 90d\n",
		"no accounts":   "# vbcvault\nstate-dir: ./state # where it is\nservice:\n  listen: 127.0.0.1:9180\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, etc := packaged(t, vbctest.Config{}, config)
			w.inS3(nil)
			config = strings.ReplaceAll(config, "/var/lib/vbcvault", w.state)
			r := w.run("init", "--to", w.to, "--older-than", "90d")
			if r.code != 0 {
				t.Fatal("it isn't set up")
			}
			text := string(mustRead(t, filepath.Join(etc, "config.yaml")))
			if !strings.HasPrefix(text, config) && config != "" {
				t.Errorf("what was there has changed:\n%s", text)
			}
			for _, want := range []string{"account: \"549825\"", "secret-access-key: {credential: main-secret-access-key}", "password: {credential: main-password}", "endpoint: " + w.proxy.URL} {
				if !strings.Contains(text, want) {
					t.Errorf("it lacks %s:\n%s", want, text)
				}
			}
			if secret := w.lookup("AWS_SECRET_ACCESS_KEY"); string(mustRead(t, filepath.Join(etc, "secrets/main-secret-access-key"))) != secret+"\n" || strings.Contains(text, secret) {
				t.Error("the secret key is elsewhere")
			}
			if info, err := os.Stat(filepath.Join(etc, "config.yaml")); err != nil || info.Mode().Perm() != 0o640 {
				t.Errorf("%v, %v", info.Mode(), err)
			}
			for _, secret := range []string{"password", "client-secret", "access-key-id", "secret-access-key"} {
				if info, err := os.Stat(filepath.Join(etc, "secrets", "main-"+secret)); err != nil || info.Mode().Perm() != 0o640 {
					t.Errorf("%s: %v, %v", secret, info, err)
				}
			}
			if !strings.Contains(r.stdout, "systemctl enable --now vbcvault.service") {
				t.Error("it doesn't say how to begin")
			}
			if name != "as packaged" {
				return
			}
			all := w.someRecordings(1) // and the service's user can read all of it
			for _, name := range []string{"VBC_USERNAME", "VBC_PASSWORD", "VBC_API_URL", "AWS_ACCESS_KEY_ID", "AWS_ENDPOINT_URL_S3"} {
				w.setenv(name, "")
			}
			cmd := w.command("archive", "--config", filepath.Join(etc, "config.yaml"), "--all")
			cmd.Path, cmd.Dir = filepath.Join(publicDir(t), "vbcvault"), "/"
			copyProgram(t, cmd.Path)
			asNobody(t, cmd)
			if r := w.finish(cmd); r.code != 0 {
				t.Errorf("exit %d", r.code)
			}
			w.mustHold(all...)
		})
	}
}

// A password that VBC refuses is sent once, and after two different ones of a user none
// is sent any more: VBC would lock the user.
func TestInitDoesNotLockTheUser(t *testing.T) {
	t.Parallel()
	notShort(t, "makes keys of passwords, on purpose slowly")
	w := newWorld(t, vbctest.Config{LockAfter: 3}).inDir()
	out := filepath.Join(t.TempDir(), "vbcvault.yaml")
	for i, c := range []struct {
		password string
		code     int
		says     string
		requests int
	}{
		{"one", 1, "vbcvault tries another password at once", 1},
		{"one", 1, "does not try them again before", 1},
		{"two", 1, "vbcvault tries another password at once", 2},
		{"correct horse", 2, "VBC has refused 2 passwords of this user lately", 2},
	} {
		w.setenv("VBC_PASSWORD", c.password)
		r := w.run("init", "--to", w.to, "--out", out)
		if r.code != c.code || !strings.Contains(r.stderr, c.says) {
			t.Errorf("%d: exit %d, and it doesn't say %q", i, r.code, c.says)
		}
		if n := w.account.Counts().Total; n != c.requests {
			t.Errorf("%d: %d requests, want %d", i, n, c.requests)
		}
	}
	if left, err := os.ReadDir(filepath.Dir(out)); err != nil || len(left) != 0 {
		t.Errorf("%v, %v", left, err)
	}
}

// What root has noted of a refused password, the service can read and remove; and a
// directory that the service can't write to is found.
func TestInitMindsTheServicesUser(t *testing.T) {
	t.Parallel()
	w, _ := packaged(t, vbctest.Config{}, "")
	w.inDir()
	w.setenv("VBC_PASSWORD", "not the one")
	if r := w.run("init", "--to", w.to); r.code != 1 {
		t.Errorf("exit %d", r.code)
	}
	cmd := w.command("doctor", "--to", "file:///tmp")
	cmd.Path, cmd.Dir = filepath.Join(publicDir(t), "vbcvault"), "/"
	cmd.Env = append(cmd.Env, "VBCVAULT_STATE_DIR="+w.state)
	copyProgram(t, cmd.Path)
	asNobody(t, cmd)
	if r := w.finish(cmd); !strings.Contains(r.stdout, "does not try them again before") {
		t.Error("the service doesn't know of the refused password")
	}
	w.setenv("VBC_PASSWORD", "correct horse")
	if os.Geteuid() != 0 {
		return // the service's user is this one
	}
	if r := w.run("init", "--to", w.to); r.code != 1 || !strings.Contains(r.stderr, "the service runs as user nobody") || !strings.Contains(r.stderr, "chown nobody: ") {
		t.Errorf("exit %d", r.code)
	}
	mustDo(t, os.Chown(strings.TrimPrefix(w.to, "file://"), nobody, nobody))
	if r := w.run("init", "--to", w.to); r.code != 0 || !strings.Contains(r.stdout, "ReadWritePaths="+strings.TrimPrefix(w.to, "file://")) {
		t.Errorf("exit %d", r.code)
	}
}

// What can be found out isn't asked: where tokens and the API are.
func TestInitFindsAddresses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{TokenPath: "/t/vbc.prod/oauth2/token", APIRoot: "/t/vbc.prod/call_recording/api", ProvisioningForbidden: true}).inDir()
	all := w.someRecordings(1)
	out := filepath.Join(t.TempDir(), "vbcvault.yaml")
	if r := w.run("init", "--to", w.to, "--out", out); r.code != 0 || strings.Contains(r.stderr, "failure") {
		t.Errorf("exit %d", r.code)
	}
	w.setenv("VBC_API_URL", "")
	if r := w.run("archive", "--config", out, "--all"); r.code != 0 {
		t.Errorf("exit %d", r.code)
	}
	w.mustHold(all...)
}

// A bucket of Amazon's says where it is, also to requests for another region.
func TestInitFindsTheRegion(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{})
	// The way to Amazon is this proxy. Requests to this machine take none.
	amazon := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("X-Amz-Bucket-Region", "eu-west-3")
		code, body := http.StatusNotFound, `<Error><Code>NoSuchBucketPolicy</Code><Message>m</Message></Error>`
		switch {
		case !strings.HasSuffix(r.Host, "s3.amazonaws.com"):
			t.Errorf("a request to %s", r.Host)
		case !strings.Contains(r.Header.Get("Authorization"), "/eu-west-3/s3/"):
			code, body = http.StatusMovedPermanently, `<Error><Code>PermanentRedirect</Code><Message>m</Message></Error>`
		case r.Method == http.MethodHead:
			code, body = http.StatusOK, ""
		case r.Method == http.MethodPut:
			code, body = http.StatusBadRequest, `<Error><Code>BadDigest</Code><Message>m</Message></Error>`
		case r.URL.Query().Has("list-type"):
			code, body = http.StatusOK, `<ListBucketResult></ListBucketResult>`
		}
		rw.Header().Set("Content-Type", "application/xml")
		rw.WriteHeader(code)
		_, _ = io.WriteString(rw, body)
	}))
	t.Cleanup(amazon.Close)
	w.env = append(w.env, "HTTP_PROXY="+amazon.URL, "AWS_ENDPOINT_URL_S3=http://s3.amazonaws.com", "AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY=s",
		"AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull)
	out := filepath.Join(t.TempDir(), "vbcvault.yaml")
	r := w.run("init", "--to", "s3://bucket/calls", "--out", out, "--insecure-http")
	if r.code != 0 || !strings.Contains(r.stderr, "exists, in region eu-west-3") || !strings.Contains(r.stdout, "set HTTP_PROXY there, too") {
		t.Errorf("exit %d", r.code)
	}
	if text := string(mustRead(t, out)); !strings.Contains(text, "region: eu-west-3\n") {
		t.Errorf("it lacks the region:\n%s", text)
	}
}

// An account that was archived before goes on with its manifest.
func TestInitKeepsTheManifest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.someRecordings(2)
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 2})
	out := filepath.Join(t.TempDir(), "vbcvault.yaml")
	if r := w.run("init", "--to", w.to, "--out", out); r.code != 0 {
		t.Errorf("exit %d", r.code)
	}
	w.want(w.run("archive", "--config", out, "main", "--json"), 0, map[string]int{"archived": 0})
	if all, err := filepath.Glob(filepath.Join(w.state, "*.manifest")); err != nil || len(all) != 1 {
		t.Errorf("%v, %v", all, err)
	}
}

// What the defaults of a file say holds for an account that is added to it, and isn't
// asked; what the account's own answers say beats them.
func TestInitMindsDefaults(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{APIRoot: "/elsewhere"}).inDir()
	w.setenv("VBC_CLIENT_SECRET", "")
	w.setenv("VBC_CLIENT_ID", "")
	dir := t.TempDir()
	out := filepath.Join(dir, "vbcvault.yaml")
	mustDo(t, os.WriteFile(filepath.Join(dir, "shared"), []byte("secret\n"), 0o600))
	was := `# with much in common
defaults:
    delete: true
    delete-after: 7d
    min-duration: 5s
    vbc: {client-id: client, client-secret: {file: ./shared}, api-root: /elsewhere}
accounts:
    # the first
    acme:
        older-than: 1y
        to: ` + w.to + `
        vbc: {username: x, password: {env: X}}
`
	mustDo(t, os.WriteFile(out, []byte(was), 0o640))
	r := w.run("init", "--to", w.to, "--out", out, "--add")
	text := string(mustRead(t, out))
	if r.code != 0 || !strings.Contains(r.stderr, "From the defaults of the file: min-duration: 5s") {
		t.Errorf("exit %d, or it doesn't say what comes from the defaults", r.code)
	}
	head, added, _ := strings.Cut(text, "accounts:\n")
	added, rest, _ := strings.Cut(added, "    # the first")
	if head+"accounts:\n    # the first"+rest != was || !strings.HasPrefix(added, "    main:\n") || !strings.Contains(added, "      delete: false\n") || strings.Contains(added, "client-secret") {
		t.Errorf("\n%s", text)
	}
	if left, err := os.ReadDir(filepath.Join(dir, "secrets")); err != nil || len(left) != 1 {
		t.Errorf("secrets: %v, %v", left, err)
	}
	if info, err := os.Stat(out); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v", info, err)
	}
	w.someRecordings(1)
	w.setenv("VBC_API_ROOT", "")
	r = w.run("archive", "--config", out, "main", "--json")
	w.want(r, 0, map[string]int{"archived": 1, "deleted": 0})
}

// What is tried first by somebody who doesn't know it yet: each mistake is named, and
// nothing is written.
func TestInitWithMistakes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	out := filepath.Join(t.TempDir(), "vbcvault.yaml")
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--retain", "7y"}, 2, "--object-lock is missing"},
		{[]string{"--object-lock", "governance"}, 2, "--object-lock needs --retain"},
		{[]string{"--kind", "both"}, 2, "company,on-demand for both"},
		{[]string{"--dry-run"}, 0, "With --dry-run nothing is written. " + out + " would be:"},
	} {
		to := "s3://my-bucket/recordings"
		if c.code == 0 {
			to = w.to
		}
		if r := w.run(append([]string{"init", "--offline", "--to", to, "--out", out}, c.args...)...); r.code != c.code || !strings.Contains(r.stderr, c.says) {
			t.Errorf("%q: exit %d, and it doesn't say %q", c.args, r.code, c.says)
		}
	}
	for _, command := range []string{"archive", "status"} {
		if r := w.run(command, "main"); r.code != 2 || !strings.Contains(r.stderr, "names of accounts need --config FILE") {
			t.Errorf("%s main: exit %d, and it doesn't say what a name needs", command, r.code)
		}
	}
	r := w.run("doctor", "--to", "s3://my-bucket", "--print-policy", "--sse", "aws:kms")
	if r.code != 0 || !strings.Contains(r.stderr, "name it with --kms-key") {
		t.Errorf("exit %d, and it doesn't say what is to be filled in", r.code)
	}
	if left, err := os.ReadDir(filepath.Dir(out)); err != nil || len(left) != 0 {
		t.Errorf("%v, %v", left, err)
	}
}
