package rights_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/vbcvault/vbcvault/storage/s3store/rights"
)

// The manual has this table, and no other.
func TestManualHasTheTable(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../cmd/vbcvault/topics/protect.md")
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	table.WriteString("| AWS action | on | needed for |\n|---|---|---|\n")
	for _, r := range rights.All {
		table.WriteString("| `" + r.Action + "` | " + string(r.On) + " | " + r.For + " |\n")
	}
	if !strings.Contains(string(page), "\n\n"+table.String()+"\n") {
		t.Errorf("protect.md must have:\n%s", table.String())
	}
}

// A policy is of one bucket and prefix, in its part of AWS, and allows to delete only
// where somebody asks for that.
func TestPolicies(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		needs     rights.Need
		where     rights.Where
		resources []string
		condition string
	}{
		{rights.Archive, rights.Where{Bucket: "b", Prefix: "a/"}, []string{"arn:aws:s3:::b/a/*", "arn:aws:s3:::b"}, ""},
		{rights.Archive, rights.Where{Bucket: "b", Region: "us-gov-west-1"}, []string{"arn:aws-us-gov:s3:::b/*", "arn:aws-us-gov:s3:::b"}, ""},
		{rights.Archive, rights.Where{Bucket: "b", Prefix: "a*?$/"}, []string{"arn:aws:s3:::b/a${*}${?}${$}/*", "arn:aws:s3:::b"}, ""},
		{rights.KMS, rights.Where{Bucket: "b"}, []string{"KEY-ARN"}, ""},
		{rights.KMS, rights.Where{Bucket: "b", Key: "arn:aws:kms:r:1:key/k"}, []string{"arn:aws:kms:r:1:key/k"}, ""},
		{rights.KMS, rights.Where{Bucket: "b", Key: "1234"}, []string{"arn:aws:kms:*:*:key/1234"}, ""},
		{rights.KMS, rights.Where{Bucket: "b", Key: "alias/k", Region: "cn-north-1"}, []string{"arn:aws-cn:kms:*:*:key/*"}, "alias/k"},
		{rights.KMS, rights.Where{Bucket: "b", Key: "arn:aws:kms:r:1:alias/k"}, []string{"arn:aws:kms:*:*:key/*"}, "alias/k"},
	} {
		text := rights.PolicyFor(c.needs, c.where).String()
		var p rights.Policy
		if err := json.Unmarshal([]byte(text), &p); err != nil || p.Version != "2012-10-17" {
			t.Fatal(err, text)
		}
		var got []string
		for _, s := range p.Statement {
			got = append(got, s.Resource)
		}
		if strings.Join(got, " ") != strings.Join(c.resources, " ") || strings.Contains(text, "Delete") || strings.Contains(text, c.condition) != true {
			t.Errorf("%+v: %s", c.where, text)
		}
	}
	for _, r := range rights.All {
		if r.Needed&rights.Erase == 0 && strings.Contains(r.Action, "Delete") {
			t.Errorf("%s is for those who erase", r.Action)
		}
	}
}
