package rights

import (
	"fmt"
	"strconv"
	"strings"
)

// CatalogPrefix is where catalogues lie below the destination's prefix. They alone are
// replaced.
const CatalogPrefix = "catalog/"

// Terraform is the bucket as code, with the policy for these needs: encryption, no
// public access, versioning, a lifecycle that ends what is left of aborted uploads and
// of replaced catalogues, and Object Lock if objects are locked. No rule removes a copy.
func Terraform(needs Need, where Where) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line(`resource "aws_s3_bucket" "recordings" {`)
	line(`  bucket = %s`, hcl(where.Bucket))
	if needs&Lock != 0 {
		line(``)
		line(`  # vbcvault asks for a lock with each object. No default retention: it would lock`)
		line(`  # the catalogue too, which is replaced.`)
		line(`  object_lock_enabled = true`)
	}
	line(``)
	line(`  lifecycle {`)
	line(`    prevent_destroy = true`)
	line(`  }`)
	line(`}`)
	line(``)
	line(`resource "aws_s3_bucket_public_access_block" "recordings" {`)
	line(`  bucket                  = aws_s3_bucket.recordings.id`)
	line(`  block_public_acls       = true`)
	line(`  block_public_policy     = true`)
	line(`  ignore_public_acls      = true`)
	line(`  restrict_public_buckets = true`)
	line(`}`)
	line(``)
	line(`resource "aws_s3_bucket_versioning" "recordings" {`)
	line(`  bucket = aws_s3_bucket.recordings.id`)
	line(``)
	line(`  versioning_configuration {`)
	line(`    status = "Enabled"`)
	line(`  }`)
	line(`}`)
	line(``)
	line(`resource "aws_s3_bucket_server_side_encryption_configuration" "recordings" {`)
	line(`  bucket = aws_s3_bucket.recordings.id`)
	line(``)
	line(`  rule {`)
	line(`    apply_server_side_encryption_by_default {`)
	if needs&KMS != 0 {
		key := where.Key
		if key == "" {
			key = KeyToFillIn
		}
		line(`      sse_algorithm     = "aws:kms"`)
		line(`      kms_master_key_id = %s`, hcl(key))
		line(`    }`)
		line(`    bucket_key_enabled = true`)
	} else {
		line(`      sse_algorithm = "AES256"`)
		line(`    }`)
	}
	line(`  }`)
	line(`}`)
	line(``)
	line(`# No rule here removes a copy. Uploads that a crash left, and catalogues that were`)
	line(`# replaced, are no use to anybody.`)
	line(`resource "aws_s3_bucket_lifecycle_configuration" "recordings" {`)
	line(`  depends_on = [aws_s3_bucket_versioning.recordings]`)
	line(`  bucket     = aws_s3_bucket.recordings.id`)
	line(``)
	line(`  rule {`)
	line(`    id     = "unfinished uploads"`)
	line(`    status = "Enabled"`)
	line(``)
	line(`    filter {`)
	line(`      prefix = %s`, hcl(where.Prefix))
	line(`    }`)
	line(``)
	line(`    abort_incomplete_multipart_upload {`)
	line(`      days_after_initiation = 7`)
	line(`    }`)
	line(`  }`)
	line(``)
	line(`  rule {`)
	line(`    id     = "replaced catalogues"`)
	line(`    status = "Enabled"`)
	line(``)
	line(`    filter {`)
	line(`      prefix = %s`, hcl(where.Prefix+CatalogPrefix))
	line(`    }`)
	line(``)
	line(`    noncurrent_version_expiration {`)
	line(`      noncurrent_days = 30`)
	line(`    }`)
	line(`  }`)
	line(`}`)
	line(``)
	line(`# Attach it to the user or role that vbcvault runs as.`)
	line(`resource "aws_iam_policy" "vbcvault" {`)
	line(`  name = "vbcvault"`)
	line(`  policy = jsonencode({`)
	line(`    Version = "2012-10-17"`)
	line(`    Statement = [`)
	for _, s := range PolicyFor(needs, where).Statement {
		line(`      {`)
		line(`        Sid    = %s`, hcl(s.Sid))
		line(`        Effect = %s`, hcl(s.Effect))
		line(`        Action = [`)
		for _, a := range s.Action {
			line(`          %s,`, hcl(a))
		}
		line(`        ]`)
		line(`        Resource = %s`, hcl(s.Resource))
		for test, of := range s.Condition {
			for name, values := range of {
				line(`        Condition = {`)
				line(`          %s = {`, hcl(test))
				line(`            %s = [%s]`, hcl(name), hcl(values[0]))
				line(`          }`)
				line(`        }`)
			}
		}
		line(`      },`)
	}
	line(`    ]`)
	line(`  })`)
	line(`}`)
	return b.String()
}

// hcl is a string of Terraform's language, in which ${ and %{ stand for themselves.
func hcl(s string) string {
	return strings.NewReplacer("${", "$${", "%{", "%%{").Replace(strconv.Quote(s))
}
