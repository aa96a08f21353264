package s3store_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/vbcvault/vbcvault/storage/s3store"
	"github.com/vbcvault/vbcvault/storage/storagetest"
)

// Keys are found where the SDK finds them, and it is known whose they are.
func TestFindKeys(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "credentials")
	text := "[default]\naws_access_key_id = of-file\naws_secret_access_key = s\n[session]\naws_access_key_id = of-session\naws_secret_access_key = s\naws_session_token = t\n" +
		"[process]\ncredential_process = echo '{\"Version\":1,\"AccessKeyId\":\"of-process\",\"SecretAccessKey\":\"s\"}'\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	machine := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"AccessKeyId":"of-machine","SecretAccessKey":"s","Token":"t","Expiration":"2099-01-01T00:00:00Z"}`))
	}))
	t.Cleanup(machine.Close)
	for name, c := range map[string]struct {
		env    map[string]string
		access *s3store.Access
		id     string
		token  string
		from   s3store.Origin
		none   bool
	}{
		"none":        {env: map[string]string{"AWS_SHARED_CREDENTIALS_FILE": os.DevNull}, none: true},
		"environment": {env: map[string]string{"AWS_ACCESS_KEY_ID": "of-environment", "AWS_SECRET_ACCESS_KEY": "s"}, id: "of-environment", from: s3store.OfEnvironment},
		"temporary":   {env: map[string]string{"AWS_ACCESS_KEY_ID": "of-environment", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t"}, id: "of-environment", token: "t", from: s3store.OfEnvironment},
		"file":        {id: "of-file", from: s3store.OfProfile},
		"profile":     {access: &s3store.Access{Profile: "session"}, id: "of-session", token: "t", from: s3store.OfProfile},
		"process":     {env: map[string]string{"AWS_PROFILE": "process"}, id: "of-process", from: s3store.OfSession},
		"machine": {env: map[string]string{"AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_CONTAINER_CREDENTIALS_FULL_URI": machine.URL},
			id: "of-machine", token: "t", from: s3store.OfMachine},
		"given": {access: &s3store.Access{AccessKeyID: "given", SecretAccessKey: "s"}, id: "given", from: s3store.OfEnvironment},
	} {
		t.Run(name, func(t *testing.T) {
			for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI"} {
				t.Setenv(name, "")
			}
			t.Setenv("AWS_CONFIG_FILE", os.DevNull)
			t.Setenv("AWS_SHARED_CREDENTIALS_FILE", file)
			t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
			for name, value := range c.env {
				t.Setenv(name, value)
			}
			k, err := s3store.FindKeys(t.Context(), c.access)
			if (err != nil) != c.none || k.AccessKeyID != c.id || k.SessionToken != c.token || k.From != c.from {
				t.Errorf("%s of %d with token %q, %v", k.AccessKeyID, k.From, k.SessionToken, err)
			}
		})
	}
}

// Where the bucket is, is in the answer, also in one that refuses.
func TestRegion(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		region string
		fails  bool
	}{
		"ours":                      {http.StatusOK, "eu-central-1", false},
		"elsewhere":                 {http.StatusMovedPermanently, "eu-west-3", false},
		"forbidden":                 {http.StatusForbidden, "eu-west-3", false},
		"a server without regions":  {http.StatusOK, "", false},
		"forbidden, and says none":  {http.StatusForbidden, "", true},
		"there is no such bucket":   {http.StatusNotFound, "", true},
		"a bad request with region": {http.StatusBadRequest, "eu-west-3", false},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if c.region != "" {
				w.Header().Set("X-Amz-Bucket-Region", c.region)
			}
			w.WriteHeader(c.status)
		}))
		s, err := s3store.Open(t.Context(), s3store.Options{Bucket: "bucket", AWS: (&storagetest.S3Server{AccessKey: "a", SecretKey: "s"}).Config(server.URL)})
		if err != nil {
			t.Fatal(err)
		}
		if region, err := s.Region(t.Context()); region != c.region || (err != nil) != c.fails {
			t.Errorf("%s: %q, %v", name, region, err)
		}
		if !s.Foreign() {
			t.Error("this is not Amazon's")
		}
		server.Close()
	}
}

// A machine that has no role, and says so, is no warning of the SDK's on the terminal.
func TestFindKeysIsQuiet(t *testing.T) {
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_EC2_METADATA_DISABLED"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_CONFIG_FILE", os.DevNull)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	asked := false
	machine := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked = true
		w.WriteHeader(http.StatusForbidden)
	}))
	t.Cleanup(machine.Close)
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", machine.URL)
	file, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	stderr := os.Stderr
	os.Stderr = file
	_, err = s3store.FindKeys(t.Context(), nil)
	os.Stderr = stderr
	if err == nil || !asked {
		t.Errorf("%v, asked %v", err, asked)
	}
	if said, err := os.ReadFile(file.Name()); err != nil || len(said) != 0 {
		t.Errorf("it says %q, %v", said, err)
	}
}
