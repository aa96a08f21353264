package main_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/storagetest"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// doctor runs vbcvault doctor and returns its findings by their names.
func (w *world) doctor(code int, args ...string) map[string]storage.Finding {
	w.t.Helper()
	r := w.run(append([]string{"doctor", "--to", w.to, "--json"}, args...)...)
	if r.code != code {
		w.t.Errorf("exit %d, want %d", r.code, code)
	}
	var said struct{ Findings []storage.Finding }
	if err := json.Unmarshal([]byte(r.stdout), &said); err != nil {
		w.t.Fatal(err)
	}
	out := map[string]storage.Finding{}
	for _, f := range said.Findings {
		if f.Means == "" || f.Level != storage.OK && f.Mend == "" {
			w.t.Errorf("it doesn't say what it means, or how to mend it: %+v", f)
		}
		out[f.Check] = f
	}
	return out
}

// All is well: doctor says so with three requests, and leaves nothing.
func TestDoctorChangesNothing(t *testing.T) {
	t.Parallel()
	for _, place := range []func(*world) *world{(*world).inDir, func(w *world) *world { return w.inS3(nil) }} {
		w := place(newWorld(t, vbctest.Config{}))
		w.someRecordings(3)
		found := w.doctor(0)
		for _, check := range []string{"proxy", "credentials", "call recording API", "provisioning API", "quota", "clock", "manifest"} {
			if found[check].Level != storage.OK {
				t.Errorf("%s: %+v", check, found[check])
			}
		}
		for _, check := range []string{"writing", "identity", "room in the destination", "room for the manifest"} {
			if _, ok := found[check]; !ok && w.proxy == nil {
				t.Errorf("nothing about %s", check)
			}
		}
		for _, check := range []string{"bucket", "listing", "writing and checksums", "unfinished uploads", "versioning", "public access", "bucket policy", "lifecycle rules", "object lock"} {
			if _, ok := found[check]; !ok && w.proxy != nil {
				t.Errorf("nothing about %s", check)
			}
		}
		if c := w.account.Counts(); c.Total != 4 || len(w.account.Recordings()) != 3 {
			t.Errorf("%v", c.ByKind)
		}
		if left, err := os.ReadDir(w.state); err != nil || len(left) != 0 || len(storagetest.Keys(t, w.open())) != 0 {
			t.Errorf("it left %v in the state directory, or something in the destination", left)
		}
		if !strings.Contains(found["call recording API"].Means, "company recordings at VBC: 3") || !strings.Contains(found["provisioning API"].Means, "549825") {
			t.Errorf("%+v", found)
		}
		// After a run it looks at the manifest that this has made.
		w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 3})
		found = w.doctor(0)
		if f, key := found["manifest"], found["signing key"]; !strings.Contains(f.Means, "account 549825") || key.Level != storage.OK || !strings.Contains(key.Means, "vbcvault/") {
			t.Errorf("%+v, %+v", f, key)
		}
	}
}

// Whatever is wrong is named, with how to mend it, and the rest is looked at.
func TestDoctorFindings(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cfg   vbctest.Config
		spoil func(w *world)
		args  []string
		check string
		level storage.Level
		says  string
		code  int
	}{
		"password": {spoil: func(w *world) { w.setenv("VBC_PASSWORD", "not the one") },
			check: "credentials", level: storage.Failure, says: "refuses", code: 1},
		"no subscription": {cfg: vbctest.Config{NotSubscribed: true},
			check: "call recording API", level: storage.Failure, says: "900908", code: 1},
		"no provisioning": {cfg: vbctest.Config{ProvisioningForbidden: true},
			check: "provisioning API", level: storage.Warning, says: "--users all"},
		"no transcripts": {cfg: vbctest.Config{NoTranscripts: true},
			check: "transcripts", level: storage.OK, says: "VBC lists none for this account"},
		"transcripts refused by the gateway": {spoil: func(w *world) {
			w.account.Inject(func(r *http.Request) *vbctest.Fault {
				if isTranscripts(r) {
					return &vbctest.Fault{Status: 403, Body: `{"fault":{"code":900910,"message":"The access token does not allow it"}}`}
				}
				return nil
			})
		}, check: "transcripts", level: storage.Warning, says: "no company recording would be deleted"},
		"wrong root": {spoil: func(w *world) { w.setenv("VBC_API_ROOT", "/t/vbc.prod/call_recording/v9/api") },
			check: "call recording API", level: storage.Failure, says: "404", code: 1},
		"quota used up": {cfg: vbctest.Config{Quota: -1, QuotaWindow: 50 * time.Millisecond},
			check: "quota", level: storage.Warning, says: "used up"},
		"clock": {cfg: vbctest.Config{Now: func() time.Time { return time.Now().Add(time.Hour) }},
			check: "clock", level: storage.Failure, says: "away from VBC's", code: 1},
		"proxy": {spoil: func(w *world) {
			w.setenv("HTTPS_PROXY", "http://me:secret@proxy.example.com:3128")
			w.setenv("VBC_API_URL", "https://vbc.invalid")
		},
			check: "proxy", level: storage.OK, says: "proxy.example.com:3128", code: 1},
		"certificates": {spoil: func(w *world) { w.setenv("AWS_CA_BUNDLE", filepath.Join(w.state, "none")) },
			check: "certificates", level: storage.Failure, says: "AWS_CA_BUNDLE", code: 1},
		"manifest of another destination": {
			spoil: func(w *world) {
				w.someRecordings(1)
				w.want(w.archive("--older-than", "90d", "--manifest", filepath.Join(w.state, "m")), 0, nil)
				w.inDirectory(w.t.TempDir())
			},
			args: []string{"--manifest", "m"}, check: "manifest", level: storage.Failure, says: "belongs to destination file://", code: 1},
		"signing key": {
			spoil: func(w *world) {
				w.someRecordings(1)
				w.want(w.archive("--older-than", "90d", "--manifest", filepath.Join(w.state, "m")), 0, nil)
				if err := os.Remove(filepath.Join(w.state, "m.key")); err != nil {
					t.Fatal(err)
				}
			},
			args: []string{"--manifest", "m"}, check: "signing key", level: storage.Failure, says: "m.key is missing", code: 1},
		"directory that isn't there": {spoil: func(w *world) { w.to += "/none" },
			check: "destination", level: storage.Failure, says: "mounted", code: 1},
		"not a manifest": {spoil: func(w *world) {
			if err := os.WriteFile(filepath.Join(w.state, "m"), []byte("some text that is long enough to be none"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, args: []string{"--manifest", "m"}, check: "manifest", level: storage.Failure, says: "not a database", code: 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, c.cfg).inDir()
			if c.spoil != nil {
				c.spoil(w)
			}
			args := append([]string{}, c.args...)
			for i, a := range args {
				if a == "m" {
					args[i] = filepath.Join(w.state, "m")
				}
			}
			found := w.doctor(c.code, args...)
			if f := found[c.check]; f.Level != c.level || !strings.Contains(f.Means, c.says) {
				t.Errorf("%+v", f)
			}
			for _, f := range found {
				if strings.Contains(f.Means+f.Mend, "secret@") || strings.Contains(f.Means, "not the one") {
					t.Errorf("a secret: %+v", f)
				}
			}
			if len(found) < 4 {
				t.Errorf("only %d findings", len(found))
			}
		})
	}
	t.Run("unusable bucket", func(t *testing.T) {
		w := newWorld(t, vbctest.Config{}).inS3(func(op, _ string, _ *http.Request) *storagetest.S3Fault {
			if op == "PutObject" {
				return &storagetest.S3Fault{Status: http.StatusForbidden, Code: "AccessDenied"}
			}
			return nil
		})
		found := w.doctor(1)
		if f := found["writing and checksums"]; f.Level != storage.Failure || !strings.Contains(f.Mend, "s3:PutObject") {
			t.Errorf("%+v", f)
		}
		if found["credentials"].Level != storage.OK || found["listing"].Level != storage.OK {
			t.Errorf("%+v", found)
		}
	})
}
