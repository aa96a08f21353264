package rights

import (
	"bytes"
	"encoding/json"
	"strings"
)

// Where is what a policy is about.
type Where struct {
	Bucket string
	Prefix string // with a slash at its end, or ""
	Region string // decides on the partition: China and GovCloud have their own
	Key    string // the KMS key's ARN, id or alias; "" stands for one to be filled in
}

// KeyToFillIn stands in a policy for the ARN of a KMS key that nobody has named.
const KeyToFillIn = "KEY-ARN"

// Policy is a policy of AWS, ready to be attached to a user or a role.
type Policy struct {
	Version   string      `json:"Version"`
	Statement []Statement `json:"Statement"`
}

// Statement allows actions on one resource.
type Statement struct {
	Sid       string                         `json:"Sid"`
	Effect    string                         `json:"Effect"`
	Action    []string                       `json:"Action"`
	Resource  string                         `json:"Resource"`
	Condition map[string]map[string][]string `json:"Condition,omitempty"`
}

// PolicyFor is the least that these needs take there. Listing isn't limited to the
// prefix: whether the bucket is there is asked without one, and so is, by S3 itself,
// whether a missing object may be known to be missing.
func PolicyFor(needs Need, where Where) Policy {
	all := For(needs)
	p := Policy{Version: "2012-10-17"}
	allow := func(sid string, on Resource, resource string, condition map[string]map[string][]string) {
		if actions := actions(all, on); len(actions) > 0 {
			p.Statement = append(p.Statement, Statement{sid, "Allow", actions, resource, condition})
		}
	}
	bucket := "arn:" + where.partition() + ":s3:::" + where.Bucket
	allow("Objects", Objects, bucket+"/"+literal(where.Prefix)+"*", nil)
	allow("Bucket", Bucket, bucket, nil)
	key, condition := where.key()
	allow("Key", Key, key, condition)
	return p
}

// partition is AWS's name for the part of AWS that a region is in.
func (w Where) partition() string {
	switch {
	case strings.HasPrefix(w.Region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(w.Region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}

// key is how a policy names the KMS key. An alias is no resource that a policy could
// name; a condition can.
func (w Where) key() (resource string, condition map[string]map[string][]string) {
	keys := "arn:" + w.partition() + ":kms:"
	switch at := strings.Index(w.Key, "alias/"); {
	case w.Key == "":
		return KeyToFillIn, nil
	case at >= 0:
		return keys + "*:*:key/*", map[string]map[string][]string{"ForAnyValue:StringEquals": {"kms:ResourceAliases": {w.Key[at:]}}}
	case strings.HasPrefix(w.Key, "arn:"):
		return w.Key, nil
	}
	return keys + "*:*:key/" + w.Key, nil
}

// literal is a part of a resource in which * ? and $ stand for themselves.
func literal(s string) string {
	return strings.NewReplacer("*", "${*}", "?", "${?}", "$", "${$}").Replace(s)
}

// String is the policy as JSON, with an action on each line.
func (p Policy) String() string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	_ = e.Encode(p) // strings only: it can't fail
	return strings.TrimSuffix(b.String(), "\n")
}
