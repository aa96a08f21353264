package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/gohcl"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// tfResources are the arguments that Terraform's AWS provider (5.x and 6.x) documents
// of what the code makes, as far as it makes use of them. Decoding is strict: what
// isn't here is an error, and so is what is missing.
type (
	tfBucket struct {
		Bucket    string `hcl:"bucket"`
		Lock      bool   `hcl:"object_lock_enabled,optional"`
		Lifecycle struct {
			PreventDestroy bool `hcl:"prevent_destroy"`
		} `hcl:"lifecycle,block"`
	}
	tfPublicAccess struct {
		Bucket         string `hcl:"bucket"`
		BlockACLs      bool   `hcl:"block_public_acls"`
		BlockPolicy    bool   `hcl:"block_public_policy"`
		IgnoreACLs     bool   `hcl:"ignore_public_acls"`
		RestrictBucket bool   `hcl:"restrict_public_buckets"`
	}
	tfVersioning struct {
		Bucket string `hcl:"bucket"`
		Is     struct {
			Status string `hcl:"status"`
		} `hcl:"versioning_configuration,block"`
	}
	tfEncryption struct {
		Bucket string `hcl:"bucket"`
		Rule   struct {
			Default struct {
				Algorithm string `hcl:"sse_algorithm"`
				Key       string `hcl:"kms_master_key_id,optional"`
			} `hcl:"apply_server_side_encryption_by_default,block"`
			BucketKey bool `hcl:"bucket_key_enabled,optional"`
		} `hcl:"rule,block"`
	}
	// A rule can remove only what is left of uploads, and versions that aren't current:
	// there is no place for an expiration.
	tfRule struct {
		ID     string `hcl:"id"`
		Status string `hcl:"status"`
		Filter struct {
			Prefix string `hcl:"prefix"`
		} `hcl:"filter,block"`
		Uploads *struct {
			Days int `hcl:"days_after_initiation"`
		} `hcl:"abort_incomplete_multipart_upload,block"`
		Replaced *struct {
			Days int `hcl:"noncurrent_days"`
		} `hcl:"noncurrent_version_expiration,block"`
	}
	tfLifecycle struct {
		After  hcl.Expression `hcl:"depends_on"`
		Bucket string         `hcl:"bucket"`
		Rules  []tfRule       `hcl:"rule,block"`
	}
	tfPolicy struct {
		Name   string `hcl:"name"`
		Policy string `hcl:"policy"`
	}
)

// bucketCode is the code that was printed, understood.
type bucketCode struct {
	bucket     tfBucket
	public     tfPublicAccess
	versioning tfVersioning
	encryption tfEncryption
	lifecycle  tfLifecycle
	policy     tfPolicy
}

// understand evaluates code as Terraform would: references lead to the bucket that the
// same code declares.
func understand(t *testing.T, code []byte) (c bucketCode) {
	t.Helper()
	file, diags := hclsyntax.ParseConfig(code, "bucket.tf", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatalf("%v\n%s", diags, code)
	}
	if formatted := hclwrite.Format(code); !bytes.Equal(formatted, code) {
		t.Errorf("terraform fmt would change it:\n%s\nto\n%s", code, formatted)
	}
	const id = "the bucket's id"
	ctx := &hcl.EvalContext{
		Variables: map[string]cty.Value{"aws_s3_bucket": cty.ObjectVal(map[string]cty.Value{
			"recordings": cty.ObjectVal(map[string]cty.Value{"id": cty.StringVal(id)}),
		})},
		Functions: map[string]function.Function{"jsonencode": stdlib.JSONEncodeFunc},
	}
	into := map[string]any{
		"aws_s3_bucket": &c.bucket, "aws_s3_bucket_public_access_block": &c.public, "aws_s3_bucket_versioning": &c.versioning,
		"aws_s3_bucket_server_side_encryption_configuration": &c.encryption, "aws_s3_bucket_lifecycle_configuration": &c.lifecycle, "aws_iam_policy": &c.policy,
	}
	body := file.Body.(*hclsyntax.Body)
	if len(body.Attributes) > 0 {
		t.Error("arguments outside of resources")
	}
	var names []string
	for _, b := range body.Blocks {
		if b.Type != "resource" || len(b.Labels) != 2 || into[b.Labels[0]] == nil {
			t.Fatalf("an unknown or second block: %s %q", b.Type, b.Labels)
		}
		if diags := gohcl.DecodeBody(b.Body, ctx, into[b.Labels[0]]); diags.HasErrors() {
			t.Errorf("%s: %v", b.Labels[0], diags)
		}
		delete(into, b.Labels[0])
		names = append(names, strings.Join(b.Labels, "."))
	}
	if len(into) > 0 {
		t.Errorf("nothing is said of %v", reflect.ValueOf(into).MapKeys())
	}
	for _, in := range []string{c.public.Bucket, c.versioning.Bucket, c.encryption.Bucket, c.lifecycle.Bucket} {
		if in != id {
			t.Errorf("something is about %q, and not about the bucket", in)
		}
	}
	// Rules for versions need versioning, and it has to be there first.
	for _, v := range c.lifecycle.After.Variables() {
		after := v.RootName() + "." + v[1].(hcl.TraverseAttr).Name
		if !slices.Contains(names, after) || after != "aws_s3_bucket_versioning.recordings" {
			t.Errorf("the lifecycle depends on %s", after)
		}
	}
	return c
}

// The bucket that doctor prints as code is one that Terraform takes, keeps what it is
// given, and comes with just the policy that doctor prints by itself.
func TestBucketAsCode(t *testing.T) {
	t.Parallel()
	binary := built(t).binary(target{runtime.GOOS, runtime.GOARCH})
	print := func(t *testing.T, how string, flags []string) []byte {
		cmd := exec.Command(binary, append([]string{"doctor", how}, flags...)...)
		cmd.Env = []string{"HOME=" + t.TempDir(), "AWS_REGION=us-gov-west-1", "PATH=" + os.Getenv("PATH")}
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s %q: %v", how, flags, err)
		}
		return out
	}
	for name, c := range map[string]struct {
		flags            []string
		prefix           string
		locked           bool
		algorithm, keyed string
	}{
		"nightly":  {[]string{"--to", "s3://recordings-of-ours/calls"}, "calls/", false, "AES256", ""},
		"whole":    {[]string{"--to", "s3://recordings-of-ours"}, "", false, "AES256", ""},
		"all":      {[]string{"--to", "s3://recordings-of-ours/a/b/", "--erase", "--restore", "--checks", "--object-lock", "governance", "--retain", "7y", "--tag", "a=b", "--sse", "aws:kms", "--kms-key", "alias/recordings"}, "a/b/", true, "aws:kms", "alias/recordings"},
		"a key":    {[]string{"--to", "s3://recordings-of-ours/calls", "--sse", "aws:kms", "--kms-key", "arn:aws-us-gov:kms:us-gov-west-1:123456789012:key/1234"}, "calls/", false, "aws:kms", "arn:aws-us-gov:kms:us-gov-west-1:123456789012:key/1234"},
		"no words": {[]string{"--to", `s3://recordings-of-ours/${var.x} "q" \n é*`}, `${var.x} "q" \n é*/`, false, "AES256", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code := understand(t, print(t, "--print-terraform", c.flags))
			if b := code.bucket; b.Bucket != "recordings-of-ours" || b.Lock != c.locked || !b.Lifecycle.PreventDestroy {
				t.Errorf("the bucket: %+v", b)
			}
			if p := code.public; !p.BlockACLs || !p.BlockPolicy || !p.IgnoreACLs || !p.RestrictBucket {
				t.Errorf("public access: %+v", p)
			}
			if code.versioning.Is.Status != "Enabled" {
				t.Errorf("versioning: %+v", code.versioning)
			}
			if d := code.encryption.Rule.Default; d.Algorithm != c.algorithm || d.Key != c.keyed {
				t.Errorf("encryption: %+v", d)
			}
			var uploads, replaced string
			for _, r := range code.lifecycle.Rules {
				if r.Status != "Enabled" {
					t.Errorf("a rule that is off: %+v", r)
				}
				if r.Uploads != nil && r.Uploads.Days > 0 {
					uploads = "of " + r.Filter.Prefix
				}
				if r.Replaced != nil && r.Replaced.Days > 0 {
					replaced += "of " + r.Filter.Prefix
				}
			}
			if uploads != "of "+c.prefix || replaced != "of "+c.prefix+"catalog/" {
				t.Errorf("uploads %q, replaced versions %q", uploads, replaced)
			}
			var alone, within any
			text := print(t, "--print-policy", c.flags)
			if err := json.Unmarshal(text, &alone); err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			if err := json.Unmarshal([]byte(code.policy.Policy), &within); err != nil || !reflect.DeepEqual(alone, within) {
				t.Errorf("the policy is %s, but in the code %s (%v)", text, code.policy.Policy, err)
			}
			if !strings.Contains(string(text), "arn:aws-us-gov:s3:::recordings-of-ours/") {
				t.Errorf("a policy of another part of AWS: %s", text)
			}
		})
	}
}
