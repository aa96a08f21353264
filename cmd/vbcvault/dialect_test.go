package main_test

import (
	"database/sql"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/storagetest"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// On servers that speak S3 otherwise all is archived, verified and deleted, the
// second night has nothing to do, and doctor says what the server does.
func TestDialects(t *testing.T) {
	t.Parallel()
	notShort(t, "waits for busy servers")
	refusing := func(f storagetest.S3Fault, ops ...string) hook {
		return func(op, _ string, _ *http.Request) *storagetest.S3Fault {
			for _, o := range ops {
				if o == op {
					return &f
				}
			}
			return nil
		}
	}
	busy := 0
	for name, c := range map[string]struct {
		habits []hook
		check  string // of doctor
		level  storage.Level
		says   string
	}{
		"Google Cloud Storage": {[]hook{storagetest.LikeGoogle}, "writing and checksums", storage.Warning, "doesn't verify checksums"},
		"Backblaze B2":         {[]hook{storagetest.LikeBackblaze, storagetest.WithoutConditions}, "writing and checksums", storage.Warning, "refuses checksums"},
		"no listing of uploads": {[]hook{refusing(storagetest.S3Fault{Status: 404, Code: "NoSuchUpload"}, "ListMultipartUploads")},
			"unfinished uploads", storage.Warning, "404"},
		"uploads listed as HTML": {[]hook{refusing(storagetest.S3Fault{Status: 500, Raw: "<html>"}, "ListMultipartUploads")},
			"unfinished uploads", storage.Warning, "500"},
		"429 now and then": {[]hook{func(string, string, *http.Request) *storagetest.S3Fault {
			if busy++; busy%9 == 0 {
				return &storagetest.S3Fault{Status: 429, Code: "TooManyRequests", Says: "Please reduce your request rate."}
			}
			return nil
		}}, "writing and checksums", storage.OK, "verifies checksums"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, vbctest.Config{}).inS3(func(op, key string, r *http.Request) *storagetest.S3Fault {
				for _, h := range c.habits {
					if f := h(op, key, r); f != nil {
						return f
					}
				}
				return nil
			})
			all := w.someRecordings(5)
			if f := w.doctor(0)[c.check]; f.Level != c.level || !strings.Contains(f.Means, c.says) {
				t.Errorf("%+v", f)
			}
			w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 5})
			w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 5})
			w.mustHold(all...)
			w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"archived": 0, "deleted": 0, "failed": 0})
			w.want(w.run("verify", "--json"), 0, nil)
			w.want(w.run("diff", "--json"), 0, nil)
		})
	}
}

// A bucket of the same name at another endpoint is another bucket: every command
// refuses it before it sends anything, and says how to move on purpose.
func TestBucketElsewhereIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inS3(nil)
	w.someRecordings(3)
	w.want(w.archive("--older-than", "90d", "--delete", "--max-deletes", "2"), 0, map[string]int{"archived": 3, "deleted": 2})
	before := w.account.Counts().Total
	there := func(args ...string) result {
		t.Helper()
		env := slices.Clone(w.env)
		defer func() { w.env = env }()
		w.setenv("AWS_ENDPOINT_URL_S3", w.direct)
		return w.run(args...)
	}
	night := []string{"archive", "--to", w.to, "--json", "--older-than", "90d", "--delete"}
	names := []string{strings.TrimPrefix(w.proxy.URL, "http://127.0.0.1"), strings.TrimPrefix(w.direct, "http://127.0.0.1"), "another bucket", "--moved", "AWS_ENDPOINT_URL_S3"}
	for _, args := range [][]string{night, {"verify"}, {"diff"}, {"audit"}, {"restore", "--all", "--out", t.TempDir()}, {"erase", "--id", "100001", "--reason", "why", "--by", "who", "--yes"}} {
		r := there(args...)
		if r.code != 3 {
			t.Errorf("%s: exit %d, want 3", args[0], r.code)
		}
		for _, name := range names {
			if !strings.Contains(r.stderr, name) {
				t.Errorf("%s: doesn't say %s: %s", args[0], name, r.stderr)
			}
		}
	}
	if n := w.account.Counts().Total - before; n != 0 {
		t.Errorf("%d requests to VBC", n)
	}
	env := slices.Clone(w.env)
	w.setenv("AWS_ENDPOINT_URL_S3", w.direct)
	if f := w.doctor(1)["manifest"]; f.Level != storage.Failure || !strings.Contains(f.Means, "another bucket") || !strings.Contains(f.Mend, "--moved") {
		t.Errorf("doctor: %+v", f)
	}
	w.env = env

	// On purpose, once; from then on it is the old place that is another one.
	w.want(there(append(night, "--moved", "--max-deletes", "0")...), 0, map[string]int{"deleted": 0})
	w.want(there(night...), 0, map[string]int{"deleted": 1})
	w.want(there("verify", "--json"), 0, nil)
	if r := w.run(night...); r.code != 3 {
		t.Errorf("the old place: exit %d", r.code)
	}
	if r := w.inDir().archive("--older-than", "90d", "--moved"); r.code != 2 || !strings.Contains(r.stderr, "--moved applies to buckets") {
		t.Errorf("a directory: exit %d: %s", r.code, r.stderr)
	}
}

// A manifest that was made before buckets had an identity is bound by its next
// run; one that was rebuilt is bound at once.
func TestBucketIsBoundByTheNextRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inS3(nil)
	w.someRecordings(1)
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 1})
	w.forgetIdentity()
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 1})
	env := slices.Clone(w.env)
	w.setenv("AWS_ENDPOINT_URL_S3", w.direct)
	if r := w.archive("--older-than", "90d"); r.code != 3 {
		t.Errorf("after the next run: exit %d", r.code)
	}
	w.env = env
	w.want(w.run("rebuild", "--from", w.to, "--account", "549825", "--manifest", w.state+"/rebuilt"), 0, nil)
	w.setenv("AWS_ENDPOINT_URL_S3", w.direct)
	if r := w.archive("--older-than", "90d", "--manifest", w.state+"/rebuilt"); r.code != 3 {
		t.Errorf("rebuilt: exit %d", r.code)
	}
}

// Destinations that can't be used are refused with the reason, and without the
// secrets that somebody has written into them.
func TestDestinationsThatAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inS3(nil)
	for to, says := range map[string]string{
		"s3://calls--use1-az4--x-s3/recordings":              "S3 Express",
		"s3://calls--use1-az4--xa-s3":                        "S3 Express",
		"s3://AKIAKEY:S3cr3t@bucket/recordings":              "AWS_SECRET_ACCESS_KEY",
		"s3://AKIAKEY:S3c/S3cr3t+x@bucket":                   "AWS_SECRET_ACCESS_KEY",
		"s3://AKIAKEY:%zzS3cr3t@bucket":                      "AWS_SECRET_ACCESS_KEY",
		"https://AKIAKEY:S3cr3t@s3.example.com/bucket":       "AWS_SECRET_ACCESS_KEY",
		"file://AKIAKEY:S3cr3t@/mnt/x":                       "AWS_SECRET_ACCESS_KEY",
		"AKIAKEY:S3cr3t@s3://bucket":                         "AWS_SECRET_ACCESS_KEY",
		"s3:AKIAKEY:S3cr3t@bucket":                           "AWS_SECRET_ACCESS_KEY",
		"s3://bucket?X-Amz-Signature=S3cr3t&Key=AKIAKEY":     "is not a destination",
		"s3://bucket/x#S3cr3t":                               "is not a destination",
		"s3://user@bucket":                                   "AWS_SECRET_ACCESS_KEY",
		"https://bucket.s3.amazonaws.com/?AKIAKEY=S3cr3t@x?": "is not a destination",
	} {
		for _, args := range [][]string{{"archive", "--older-than", "90d", "--to", to}, {"doctor", "--to", to}, {"rebuild", "--from", to, "--account", "549825"}} {
			r := w.run(args...)
			if r.code != 2 || !strings.Contains(r.stderr, says) {
				t.Errorf("%s %s: exit %d: %s", args[0], to, r.code, r.stderr)
			}
			if text := r.stdout + r.stderr; strings.Contains(text, "S3cr3t") || strings.Contains(text, "AKIAKEY") {
				t.Errorf("%s %s: it shows the secret: %s", args[0], to, text)
			}
		}
	}
	if n := w.account.Counts().Total + w.proxy.Count(""); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

// forgetIdentity makes the manifest one of before buckets had an identity.
func (w *world) forgetIdentity() {
	w.t.Helper()
	db, err := sql.Open("sqlite", w.manifest())
	if err != nil {
		w.t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("DELETE FROM meta WHERE key = 'identity'"); err != nil {
		w.t.Fatal(err)
	}
}
