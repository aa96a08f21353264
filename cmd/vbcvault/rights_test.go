package main_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/vbcvault/vbcvault/storage/s3store/rights"
	"github.com/vbcvault/vbcvault/storage/storagetest"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// guard is what AWS does with a policy: before a bucket, it refuses what the policy
// doesn't allow. It knows from Amazon's documentation what each request needs, and
// nothing of the program's table.
type guard struct {
	mu      sync.Mutex
	off     bool
	policy  rights.Policy
	without string          // an action that is refused although the policy has it
	asked   map[string]bool // actions
	refused []string        // of requests that the whole policy doesn't allow
	cold    bool            // audio lies in cold storage
	keys    bool            // objects are encrypted with a KMS key
	breaks  bool            // uploads in parts can't be completed, nor aborted
}

const ourKey = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"

// actionsOf are the actions that a request needs, with what each is on, from "Required
// permissions for Amazon S3 API operations" and the pages of the requests.
func (g *guard) actionsOf(op, key string, r *http.Request) map[string]string {
	q, bucket := r.URL.Query(), "arn:aws:s3:::"+strings.Split(r.URL.Path, "/")[1]
	object := bucket + "/" + key
	one := func(action string) map[string]string {
		on := bucket
		if key != "" {
			on = object
		}
		return map[string]string{action: on}
	}
	if key == "" {
		for part, action := range map[string]string{
			"uploads": "s3:ListBucketMultipartUploads", "versions": "s3:ListBucketVersions", "versioning": "s3:GetBucketVersioning", "lifecycle": "s3:GetLifecycleConfiguration",
			"object-lock": "s3:GetBucketObjectLockConfiguration", "publicAccessBlock": "s3:GetBucketPublicAccessBlock", "policyStatus": "s3:GetBucketPolicyStatus",
		} {
			if q.Has(part) {
				return one(action)
			}
		}
		if q.Has("list-type") || r.Method == http.MethodHead {
			return one("s3:ListBucket")
		}
		return one("unknown bucket request " + r.Method + " " + r.URL.RawQuery)
	}
	switch {
	case q.Has("retention") && r.Method == http.MethodPut:
		return one("s3:PutObjectRetention")
	case op == "RestoreObject":
		return one("s3:RestoreObject")
	case op == "AbortMultipartUpload":
		return one("s3:AbortMultipartUpload")
	case op == "PutObject", op == "CreateMultipartUpload", op == "UploadPart", op == "CompleteMultipartUpload":
		all := one("s3:PutObject")
		if r.Header.Get("X-Amz-Object-Lock-Mode") != "" {
			all["s3:PutObjectRetention"] = object
		}
		if r.Header.Get("X-Amz-Tagging") != "" {
			all["s3:PutObjectTagging"] = object
		}
		if g.keys && op != "CompleteMultipartUpload" {
			all["kms:GenerateDataKey"] = ourKey
		}
		if g.keys && op == "UploadPart" {
			all["kms:Decrypt"] = ourKey
		}
		if r.Header.Get("If-Match") != "" {
			all["s3:GetObject"] = object
		}
		return all
	case op == "HeadObject", op == "GetObject":
		action := "s3:GetObject"
		if q.Has("versionId") {
			action = "s3:GetObjectVersion"
		}
		all := one(action)
		if g.keys && (op == "GetObject" || r.Header.Get("X-Amz-Checksum-Mode") != "") {
			all["kms:Decrypt"] = ourKey
		}
		return all
	case r.Method == http.MethodDelete && q.Has("versionId"):
		return one("s3:DeleteObjectVersion")
	case r.Method == http.MethodDelete:
		return one("s3:DeleteObject")
	}
	return one("unknown object request " + r.Method + " " + r.URL.RawQuery)
}

// allows evaluates the policy as IAM does.
func (g *guard) allows(action, on string) bool {
	for _, s := range g.policy.Statement {
		resource, open := strings.CutSuffix(s.Resource, "*")
		if s.Effect == "Allow" && slices.Contains(s.Action, action) && (on == s.Resource || open && strings.HasPrefix(on, resource)) {
			return true
		}
	}
	return false
}

// answer is the hook of a proxy.
func (g *guard) answer(op, key string, r *http.Request) *storagetest.S3Fault {
	g.mu.Lock()
	defer g.mu.Unlock()
	truth := &storagetest.S3Fault{AddHeader: http.Header{}}
	if g.keys {
		truth.AddHeader.Set("X-Amz-Server-Side-Encryption", "aws:kms")
		truth.AddHeader.Set("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id", ourKey)
	}
	audio := strings.HasSuffix(key, ".mp3")
	if g.cold && audio && op == "HeadObject" {
		truth.AddHeader.Set("X-Amz-Storage-Class", "GLACIER")
	}
	if g.breaks && (op == "CompleteMultipartUpload" || op == "AbortMultipartUpload") {
		return &storagetest.S3Fault{Status: http.StatusForbidden, Code: "AccessDenied"}
	}
	if g.off {
		return truth
	}
	for action, on := range g.actionsOf(op, key, r) {
		g.asked[action] = true
		allowed := g.allows(action, on)
		// What is only looked at, for a better message, may be refused.
		if !allowed && !slices.ContainsFunc(rights.For(rights.Checks), func(r rights.Right) bool { return r.Action == action }) {
			g.refused = append(g.refused, action+" on "+on)
		}
		if !allowed || action == g.without {
			return &storagetest.S3Fault{Status: http.StatusForbidden, Code: "AccessDenied", Says: "Access Denied"}
		}
	}
	// Retention and legal hold are shown to those alone that may read it.
	for action, headers := range map[string][]string{
		"s3:GetObjectRetention": {"X-Amz-Object-Lock-Mode", "X-Amz-Object-Lock-Retain-Until-Date"}, "s3:GetObjectLegalHold": {"X-Amz-Object-Lock-Legal-Hold"},
	} {
		switch {
		case op != "HeadObject":
		case g.allows(action, "arn:aws:s3:::"+strings.TrimPrefix(r.URL.Path, "/")) && g.without != action:
			g.asked[action] = true
		default:
			truth.Hide = append(truth.Hide, headers...)
		}
	}
	switch {
	case g.cold && audio && op == "GetObject":
		return &storagetest.S3Fault{Status: http.StatusForbidden, Code: "InvalidObjectState"}
	case g.cold && op == "RestoreObject":
		return &storagetest.S3Fault{Status: http.StatusAccepted}
	}
	return truth
}

// permitted is something that somebody does with a bucket of their own.
type permitted struct {
	needs  rights.Need
	flags  []string // of doctor
	locked bool     // the bucket locks objects, and so has versions
	ends   int      // the exit code of each command
	// do does it, with the guard before the bucket. before is done without it.
	before, do func(*testing.T, *world, *guard) []result

	// lacks is what the commands say where a right is missing: in an error, a warning, or
	// a finding. Each right of the policy is here, except those of archiving where that is
	// but the beginning.
	lacks map[string]string
}

// archived is what most of it begins with: recordings that lie in the archive.
func archived(flags ...string) func(*testing.T, *world, *guard) []result {
	return func(_ *testing.T, w *world, _ *guard) []result {
		return []result{w.archive(append([]string{"--older-than", "90d", "--catalog"}, flags...)...)}
	}
}

var permittings = map[string]permitted{
	"archiving": {
		needs: rights.Archive, locked: true,
		before: func(_ *testing.T, w *world, g *guard) []result {
			// A run that can't abort an upload notes it, for the next one.
			w.account.Add(vbctest.Recording{ID: 900001, Start: time.Now().UTC().AddDate(-1, 0, -3), Size: 11 << 20})
			g.breaks = true
			r := w.archive("--older-than", "90d")
			g.breaks = false
			return []result{r}
		},
		do: func(t *testing.T, w *world, _ *guard) []result {
			return []result{
				w.archive("--older-than", "90d", "--delete", "--catalog"), w.run("verify", "--deep"), w.run("restore", "--all", "--out", newOut(t)), w.run("diff"), w.run("audit"),
				w.run("hold", "add", "--id", "900002", "--reason", "a case", "--by", "counsel"), w.run("rebuild", "--from", w.to, "--manifest", t.TempDir()+"/new.sqlite", "--trust-archive"),
			}
		},
		lacks: map[string]string{
			"s3:PutObject": "s3:PutObject", "s3:GetObject": "s3:GetObject", "s3:GetObjectVersion": "s3:GetObjectVersion", "s3:ListBucket": "s3:ListBucket",
			"s3:AbortMultipartUpload": "allow s3:AbortMultipartUpload", "s3:ListBucketMultipartUploads": "allow s3:ListBucketMultipartUploads",
		},
	},
	"locking": {
		needs: rights.Archive | rights.Lock, locked: true, flags: []string{"--object-lock", "governance", "--retain", "7y"},
		before: archived(),
		do:     archived("--delete", "--object-lock", "governance", "--retain", "7y"),
		lacks: map[string]string{
			"s3:PutObjectRetention": "to lock objects s3:PutObjectRetention", "s3:GetObjectRetention": "s3:GetObjectRetention is not allowed",
		},
	},
	"tagging": {
		needs: rights.Archive | rights.Tags, flags: []string{"--tag", "department=legal"},
		do:    archived("--delete", "--tag", "department=legal"),
		lacks: map[string]string{"s3:PutObjectTagging": "to tag them s3:PutObjectTagging"},
	},
	"with a key": {
		needs: rights.Archive | rights.KMS, flags: []string{"--sse", "aws:kms", "--kms-key", ourKey},
		before: func(_ *testing.T, w *world, g *guard) []result {
			w.account.Add(vbctest.Recording{ID: 900001, Start: time.Now().UTC().AddDate(-1, 0, -3), Size: 11 << 20})
			g.keys = true
			return nil
		},
		do:    archived("--delete", "--sse", "aws:kms", "--kms-key", ourKey),
		lacks: map[string]string{"kms:GenerateDataKey": "with a KMS key kms:GenerateDataKey", "kms:Decrypt": "kms:Decrypt"},
	},
	"thawing": {
		needs: rights.Archive | rights.Restore, flags: []string{"--restore"},
		before: func(t *testing.T, w *world, g *guard) []result {
			r := archived()(t, w, g)
			g.cold = true
			return r
		},
		ends: 1, // what is asked for comes later
		do: func(t *testing.T, w *world, _ *guard) []result {
			return []result{w.run("restore", "--all", "--thaw", "--out", newOut(t))}
		},
		lacks: map[string]string{"s3:RestoreObject": "to thaw them s3:RestoreObject"},
	},
	"erasing": {
		needs: rights.Archive | rights.Erase, flags: []string{"--erase"},
		before: archived("--delete"),
		do:     func(_ *testing.T, w *world, _ *guard) []result { return []result{w.erase("--id", "100002")} },
		lacks:  map[string]string{"s3:DeleteObject": "s3:DeleteObject", "s3:GetBucketVersioning": "s3:GetBucketVersioning"},
	},
	"erasing versions": {
		needs: rights.Archive | rights.Erase, flags: []string{"--erase"}, locked: true,
		before: archived("--delete"),
		do:     func(_ *testing.T, w *world, _ *guard) []result { return []result{w.erase("--id", "100002")} },
		lacks: map[string]string{
			"s3:DeleteObjectVersion": "s3:DeleteObjectVersion", "s3:ListBucketVersions": "s3:ListBucketVersions",
		},
	},
	"erasing what is locked": {
		needs: rights.Archive | rights.Erase, flags: []string{"--erase"}, locked: true, ends: 3,
		before: archived("--delete", "--object-lock", "governance", "--retain", "7y"),
		do:     func(_ *testing.T, w *world, _ *guard) []result { return []result{w.erase("--id", "100002")} },
		// Seen in time, it is said until when; else S3 refuses the deletion itself.
		lacks: map[string]string{"s3:GetObjectRetention": "AccessDenied"},
	},
	"erasing what is held": {
		needs: rights.Archive | rights.Erase, flags: []string{"--erase"}, locked: true, ends: 3,
		before: func(t *testing.T, w *world, g *guard) []result {
			r := archived("--delete")(t, w, g)
			bucket, key := strings.Split(w.to, "/")[2], "calls/"+w.of("100002.mp3")[0]
			_, err := storagetest.StartS3(t).Client().PutObjectLegalHold(t.Context(), &s3.PutObjectLegalHoldInput{Bucket: &bucket, Key: &key,
				LegalHold: &types.ObjectLockLegalHold{Status: types.ObjectLockLegalHoldStatusOn}})
			if err != nil {
				t.Fatal(err)
			}
			return r
		},
		do:    func(_ *testing.T, w *world, _ *guard) []result { return []result{w.erase("--id", "100002")} },
		lacks: map[string]string{"s3:GetObjectLegalHold": "AccessDenied"},
	},
	"looking": {
		needs: rights.Archive | rights.Checks, flags: []string{"--checks"},
		do: func(_ *testing.T, w *world, _ *guard) []result { return []result{w.run("doctor", "--to", w.to)} },
		lacks: map[string]string{
			"s3:GetBucketVersioning": "allow s3:GetBucketVersioning", "s3:GetBucketPublicAccessBlock": "allow s3:GetBucketPublicAccessBlock", "s3:GetBucketPolicyStatus": "allow s3:GetBucketPolicyStatus",
			"s3:GetLifecycleConfiguration": "allow s3:GetLifecycleConfiguration", "s3:GetBucketObjectLockConfiguration": "allow s3:GetBucketObjectLockConfiguration",
		},
	},
}

// onlyWarned are rights without which everything is done, with a warning of what is left
// or wasn't looked at. Without any other, some command must not end as if all were well.
func onlyWarned(action string, p permitted) bool {
	return action == rights.AbortUpload || p.ends != 0 || action == rights.ListUploads || p.needs&rights.Checks != 0
}

// try does it with the policy that doctor prints, less one right if without isn't "".
func (p permitted) try(t *testing.T, without string) (g *guard, all string, well bool) {
	t.Helper()
	g = &guard{off: true, asked: map[string]bool{}}
	w := newWorld(t, vbctest.Config{})
	if p.locked {
		w.inLockedS3(g.answer)
	} else {
		w.inS3(g.answer)
	}
	w.someRecordings(2)
	printed := w.run(append([]string{"doctor", "--to", w.to, "--print-policy"}, p.flags...)...)
	if err := json.Unmarshal([]byte(printed.stdout), &g.policy); err != nil || printed.code != 0 {
		t.Fatal(err)
	}
	if p.before != nil {
		p.before(t, w, g)
	}
	g.mu.Lock()
	g.off, g.without = false, without
	g.mu.Unlock()
	var text strings.Builder
	well = true
	for i, r := range p.do(t, w, g) {
		well = well && r.code == p.ends
		if without == "" && r.code != p.ends {
			t.Errorf("command %d: exit code %d", i, r.code)
		}
		text.WriteString(r.stdout + r.stderr)
	}
	w.proxy.Idle()
	return g, text.String(), well
}

// The policy that doctor prints is enough for what it is printed for, and nothing in it
// is never asked for. With one right less, the program says what is missing.
func TestPrintedPolicyIsTheLeast(t *testing.T) {
	t.Parallel()
	tried := map[string]bool{}
	for name, p := range permittings {
		for action := range p.lacks {
			tried[action] = true
			t.Run(name+" without "+action, func(t *testing.T) {
				t.Parallel()
				g, text, well := p.try(t, action)
				if !g.policyHas(action) {
					t.Errorf("the policy doesn't have it")
				}
				if !strings.Contains(text, p.lacks[action]) {
					t.Errorf("nothing says %q", p.lacks[action])
				}
				if well && !onlyWarned(action, p) {
					t.Errorf("every command ends as if nothing were missing")
				}
			})
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, _, _ := p.try(t, "")
			for _, r := range g.refused {
				t.Errorf("the policy lacks %s", r)
			}
			for action := range p.lacks {
				if !g.asked[action] {
					t.Errorf("nothing asks for %s", action)
				}
			}
		})
	}
	for _, r := range rights.All {
		if tried[r.Action] != (r.Needed != 0) {
			t.Errorf("%s: tried is %v, but needed is %d", r.Action, tried[r.Action], r.Needed)
		}
		// Whatever a right is said to be needed for needs it: that is tried with a policy for
		// nothing else.
		for need := rights.Archive; need <= rights.Checks; need <<= 1 {
			if r.Needed&need != 0 && !triedFor(r.Action, need) {
				t.Errorf("nothing shows that %s is needed for %b", r.Action, need)
			}
		}
	}
}

// triedFor reports whether something with this need alone fails without an action.
func triedFor(action string, need rights.Need) bool {
	for _, p := range permittings {
		if _, tried := p.lacks[action]; tried && p.needs == rights.Archive|need {
			return true
		}
	}
	return false
}

func (g *guard) policyHas(action string) bool {
	return slices.ContainsFunc(g.policy.Statement, func(s rights.Statement) bool { return slices.Contains(s.Action, action) })
}
