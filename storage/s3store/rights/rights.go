// Package rights is the table of what vbcvault may be allowed to do with a bucket, in
// the words of AWS's policies. Whatever speaks of permissions is made of it: the
// policies and the bucket that doctor prints, the table in the manual, what a refused
// request is told to need, and doctor's checks. It asks nobody and keeps nothing.
//
// What each request of S3 needs is from "Required permissions for Amazon S3 API
// operations" and from the pages of the requests themselves, in Amazon's documentation.
package rights

import (
	"slices"
	"strings"
)

// Need is something that somebody does with a bucket; needs are added up.
type Need uint

const (
	Archive Need = 1 << iota // archiving, and whatever else only reads the archive
	KMS                      // objects are encrypted with a KMS key of one's own
	Lock                     // objects are locked
	Tags                     // objects are tagged
	Restore                  // cold copies are thawed
	Erase                    // copies are erased
	Checks                   // doctor looks at everything that it can look at
)

// Resource is what an action is allowed on.
type Resource string

const (
	Objects Resource = "objects"
	Bucket  Resource = "bucket"
	Key     Resource = "key"
)

// Right is an action that a policy allows.
type Right struct {
	Action string
	On     Resource
	Needed Need   // by each of these; 0 if no command uses it
	For    string // what it is needed for, for people
}

// Actions that messages name, too.
const (
	PutObject       = "s3:PutObject"
	AbortUpload     = "s3:AbortMultipartUpload"
	ListBucket      = "s3:ListBucket"
	ListUploads     = "s3:ListBucketMultipartUploads"
	GetRetention    = "s3:GetObjectRetention"
	GetLock         = "s3:GetBucketObjectLockConfiguration"
	GetVersioning   = "s3:GetBucketVersioning"
	GetPublicAccess = "s3:GetBucketPublicAccessBlock"
	GetPolicyStatus = "s3:GetBucketPolicyStatus"
	GetLifecycle    = "s3:GetLifecycleConfiguration"
)

// What several are needed for.
const (
	onlyDoctor    = "`doctor` (optional)"
	onlyErase     = "`erase` only; never for the nightly run"
	lockedObjects = "`--object-lock`"
)

// All are all rights, in the order of the manual.
var All = []Right{
	{PutObject, Objects, Archive, "archiving"},
	{"s3:GetObject", Objects, Archive, "verifying copies, `verify`, `restore`"},
	{"s3:GetObjectVersion", Objects, Archive, "the same, in a versioned bucket"},
	{AbortUpload, Objects, Archive, "cleaning up uploads that a crash left"},
	{ListBucket, Bucket, Archive, "every command that uses the bucket"},
	{ListUploads, Bucket, Archive, "finding uploads that a crash left"},
	{"kms:GenerateDataKey", Key, KMS, "a bucket, or `--sse`, with your own KMS key"},
	{"kms:Decrypt", Key, KMS, "the same"},
	{"s3:PutObjectRetention", Objects, Lock, lockedObjects},
	{GetRetention, Objects, Lock | Erase, lockedObjects + "; `erase`"},
	{"s3:GetObjectLegalHold", Objects, Erase, "`erase`"},
	{GetLock, Bucket, Checks, "`doctor`, `--object-lock` (optional)"},
	{"s3:PutObjectTagging", Objects, Tags, "`--tag`"},
	{GetVersioning, Bucket, Erase | Checks, "`erase`; " + onlyDoctor},
	{GetPublicAccess, Bucket, Checks, onlyDoctor},
	{GetPolicyStatus, Bucket, Checks, onlyDoctor},
	{GetLifecycle, Bucket, Checks, onlyDoctor},
	{"s3:RestoreObject", Objects, Restore, "`restore --thaw`"},
	{"s3:DeleteObject", Objects, Erase, onlyErase},
	{"s3:DeleteObjectVersion", Objects, Erase, onlyErase},
	{"s3:ListBucketVersions", Bucket, Erase, "`erase`"},
	{"s3:BypassGovernanceRetention", Objects, 0, "removing a locked copy yourself; no command uses it"},
}

// For are the rights that somebody with these needs has to have, and none more.
func For(needs Need) []Right {
	return slices.DeleteFunc(slices.Clone(All), func(r Right) bool { return r.Needed&needs == 0 })
}

// Said is what archiving needs and what else may be missing, for the message of a
// request that was refused: S3 doesn't say which right it was.
func Said() string {
	all := strings.Join(actions(For(Archive)), ", ")
	for _, more := range []struct {
		need Need
		to   string
	}{{KMS, "with a KMS key"}, {Lock, "to lock objects"}, {Tags, "to tag them"}, {Restore, "to thaw them"}, {Erase, "to erase them"}} {
		all += "; " + more.to + " " + strings.Join(actions(For(more.need)), ", ")
	}
	return all
}

// actions are those of rights on some kinds of resources, or on all.
func actions(all []Right, on ...Resource) (out []string) {
	for _, r := range all {
		if len(on) == 0 || slices.Contains(on, r.On) {
			out = append(out, r.Action)
		}
	}
	return out
}
