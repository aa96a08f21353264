package s3store_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/s3store"
	"github.com/vbcvault/vbcvault/storage/storagetest"
)

// On the real server: nothing fails, versioning and Object Lock are seen, and
// nothing is left behind.
func TestDiagnose(t *testing.T) {
	t.Parallel()
	server := storagetest.StartS3(t)
	plain := server.NewBucket(t)
	locked := server.NewBucket(t, func(in *s3.CreateBucketInput) { v := true; in.ObjectLockEnabledForBucket = &v })
	days := int32(30)
	_, err := server.Client().PutObjectLockConfiguration(context.Background(), &s3.PutObjectLockConfigurationInput{Bucket: &locked,
		ObjectLockConfiguration: &types.ObjectLockConfiguration{ObjectLockEnabled: types.ObjectLockEnabledEnabled,
			Rule: &types.ObjectLockRule{DefaultRetention: &types.DefaultRetention{Mode: types.ObjectLockRetentionModeGovernance, Days: &days}}}})
	if err != nil {
		t.Fatal(err)
	}
	for bucket, want := range map[string]string{plain: "off", locked: "on: every new copy is locked for 30 days (governance)"} {
		s, err := s3store.Open(t.Context(), s3store.Options{Bucket: bucket, Prefix: "calls", AWS: server.Config(server.URL), AskConditions: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range s.Diagnose(t.Context()) {
			t.Logf("%+v", f)
			if f.Level == storage.Failure || f.Means == "" || f.Check == "object lock" && !strings.HasPrefix(f.Means, want) {
				t.Errorf("%s: %+v", bucket, f)
			}
		}
		if keys := server.Keys(t, bucket); len(keys) != 0 {
			t.Errorf("left behind: %v", keys)
		}
	}
}

// What Amazon answers, in the form of its documentation.
func TestDiagnoseSettings(t *testing.T) {
	t.Parallel()
	const rule = `<LifecycleConfiguration><Rule><ID>old</ID><Status>STATUS</Status><Filter><Prefix>PREFIX</Prefix></Filter>ACTION</Rule></LifecycleConfiguration>`
	lifecycle := func(status, prefix, action string) string {
		return strings.NewReplacer("STATUS", status, "PREFIX", prefix, "ACTION", action).Replace(rule)
	}
	const expire = `<Expiration><Days>365</Days></Expiration>`
	failure := func(code string) string { return `<Error><Code>` + code + `</Code><Message>m</Message></Error>` }
	for _, c := range []struct {
		query  string
		status int
		body   string
		check  string
		level  storage.Level
		means  string
	}{
		{"versioning", 200, `<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>`, "versioning", storage.OK, "on"},
		{"versioning", 200, `<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>`, "versioning", storage.Warning, "off"},
		{"versioning", 403, failure("AccessDenied"), "versioning", storage.Warning, "can't be checked"},
		{"publicAccessBlock", 200, `<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls><BlockPublicPolicy>true</BlockPublicPolicy><RestrictPublicBuckets>true</RestrictPublicBuckets></PublicAccessBlockConfiguration>`, "public access", storage.OK, "blocked"},
		{"publicAccessBlock", 200, `<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls><BlockPublicPolicy>false</BlockPublicPolicy><RestrictPublicBuckets>true</RestrictPublicBuckets></PublicAccessBlockConfiguration>`, "public access", storage.Warning, "not blocked completely"},
		{"publicAccessBlock", 404, failure("NoSuchPublicAccessBlockConfiguration"), "public access", storage.Warning, "not blocked"},
		{"policyStatus", 200, `<PolicyStatus><IsPublic>TRUE</IsPublic></PolicyStatus>`, "bucket policy", storage.Failure, "public"},
		{"policyStatus", 404, failure("NoSuchBucketPolicy"), "bucket policy", storage.OK, "doesn't"},
		{"lifecycle", 404, failure("NoSuchLifecycleConfiguration"), "lifecycle rules", storage.OK, "none"},
		{"lifecycle", 200, lifecycle("Enabled", "", expire), "lifecycle rules", storage.Failure, `"old" after 365 days`},
		{"lifecycle", 200, lifecycle("Enabled", "calls/account=1/", expire), "lifecycle rules", storage.Failure, "after 365 days"},
		{"lifecycle", 200, lifecycle("Enabled", "cal", `<Expiration><Date>2027-01-02T00:00:00Z</Date></Expiration>`), "lifecycle rules", storage.Failure, "on 2027-01-02"},
		{"lifecycle", 200, lifecycle("Enabled", "other/", expire), "lifecycle rules", storage.OK, "no rule"},
		{"lifecycle", 200, lifecycle("Disabled", "", expire), "lifecycle rules", storage.OK, "no rule"},
		{"lifecycle", 200, lifecycle("Enabled", "", `<NoncurrentVersionExpiration><NoncurrentDays>3</NoncurrentDays></NoncurrentVersionExpiration>`), "lifecycle rules", storage.OK, "no rule"},
		{"object-lock", 404, failure("ObjectLockConfigurationNotFoundError"), "object lock", storage.OK, "off"},
		{"object-lock", 200, `<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention><Mode>COMPLIANCE</Mode><Years>7</Years></DefaultRetention></Rule></ObjectLockConfiguration>`, "object lock", storage.OK, "7 years (compliance)"},
		{"uploads", 403, failure("AccessDenied"), "unfinished uploads", storage.Warning, "can't be checked"},
		{"list-type", 403, failure("AccessDenied"), "listing", storage.Failure, "403"},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			status, body := http.StatusNotFound, failure("NoSuchBucketPolicy")
			switch {
			case r.Method == http.MethodHead:
				status, body = http.StatusOK, ""
			case r.Method == http.MethodPut:
				status, body = http.StatusBadRequest, failure("BadDigest")
			case r.URL.Query().Has(c.query):
				status, body = c.status, c.body
			}
			w.Header().Set("Content-Type", "application/xml")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}))
		s, err := s3store.Open(t.Context(), s3store.Options{Bucket: "bucket", Prefix: "calls", AWS: (&storagetest.S3Server{AccessKey: "a", SecretKey: "s"}).Config(server.URL)})
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, f := range s.Diagnose(t.Context()) {
			if f.Check != c.check {
				continue
			}
			found = true
			if f.Level != c.level || !strings.Contains(f.Means, c.means) || f.Level != storage.OK && f.Mend == "" {
				t.Errorf("%s, %d %s: %+v", c.query, c.status, c.body, f)
			}
		}
		if !found {
			t.Errorf("no finding about %s", c.check)
		}
		server.Close()
	}
}
