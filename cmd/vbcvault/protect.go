package main

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/spf13/pflag"

	"github.com/vbcvault/vbcvault/storage/s3store"
)

// protectFlags say how the bucket is to keep what it is given.
type protectFlags struct {
	objectLock, retain string
	sse, kmsKey        string
	storageClass       string
	tags               []string
	owner              string
}

func (f *protectFlags) register(fs *pflag.FlagSet) {
	fs.StringVar(&f.objectLock, "object-lock", "", "lock stored objects in this `MODE`: governance (recommended), or compliance, which nobody can undo")
	fs.StringVar(&f.retain, "retain", "", "with --object-lock: for this `DURATION`: 7y, 90d")
	fs.StringVar(&f.storageClass, "storage-class", "", "keep audio in this storage `CLASS`, as GLACIER_IR (default: STANDARD)")
	f.registerRest(fs)
}

// registerRest registers what is about more than recordings and receipts.
func (f *protectFlags) registerRest(fs *pflag.FlagSet) {
	fs.StringVar(&f.sse, "sse", "", "encrypt stored objects with this `ALGORITHM`: aws:kms, aws:kms:dsse or AES256 (default: as the bucket does)")
	fs.StringVar(&f.kmsKey, "kms-key", "", "with --sse aws:kms: the `KEY`'s id, alias or ARN (default: the account's own for S3)")
	fs.StringArrayVar(&f.tags, "tag", nil, "tag stored objects with `KEY=VALUE`; up to ten times")
	fs.StringVar(&f.owner, "expected-bucket-owner", "", "refuse a bucket that doesn't belong to this AWS `ACCOUNT` (12 digits)")
}

var (
	period    = regexp.MustCompile(`^(?:([0-9]{1,3})y)?(?:([0-9]{1,4})w)?(?:([0-9]{1,5})d)?$`)
	owner     = regexp.MustCompile(`^[0-9]{12}$`)
	tagText   = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`) // as S3 documents it
	lockModes = map[string]types.ObjectLockMode{"governance": types.ObjectLockModeGovernance, "compliance": types.ObjectLockModeCompliance}
)

// longestYears is how long S3 retains at most.
const longestYears = 100

// protection turns the flags into what d's bucket is asked for.
func (f *protectFlags) protection(d destination, changed func(string) bool) (p s3store.Protection, err error) {
	ours := pflag.NewFlagSet("", pflag.ContinueOnError)
	(&protectFlags{}).register(ours)
	ours.VisitAll(func(flag *pflag.Flag) {
		if err == nil && changed(flag.Name) && d.dir != "" {
			err = usagef("remove it, or archive to s3://", "--%s applies to buckets, but --to is a directory", flag.Name)
		}
	})
	if err != nil {
		return p, err
	}
	if changed("object-lock") || changed("retain") {
		if !changed("object-lock") {
			return p, usagef("add --object-lock governance, or remove it", "--retain says for how long objects are locked, but --object-lock is missing")
		}
		var known bool
		if p.Lock, known = lockModes[f.objectLock]; !known {
			return p, usagef("governance, or compliance", "--object-lock %q is unknown", f.objectLock)
		}
		if !changed("retain") {
			return p, usagef("say for how long, as in --retain 7y", "--object-lock needs --retain")
		}
		if p.Retain, err = parsePeriod(f.retain); err != nil {
			return p, err
		}
	}
	if changed("sse") {
		p.Encryption = types.ServerSideEncryption(f.sse)
		if !slices.Contains([]types.ServerSideEncryption{types.ServerSideEncryptionAwsKms, types.ServerSideEncryptionAwsKmsDsse, types.ServerSideEncryptionAes256}, p.Encryption) {
			return p, usagef("aws:kms, aws:kms:dsse or AES256", "--sse %q is unknown", f.sse)
		}
	}
	if changed("kms-key") {
		if p.KMSKey = strings.TrimSpace(f.kmsKey); p.KMSKey == "" || !strings.HasPrefix(f.sse, "aws:kms") {
			return p, usagef("add --sse aws:kms, and the key's id, alias or ARN", "--kms-key %q is empty, or --sse aws:kms is missing", f.kmsKey)
		}
	}
	if changed("storage-class") {
		p.Class = types.StorageClass(f.storageClass)
		if !slices.Contains(p.Class.Values(), p.Class) {
			return p, usagef(fmt.Sprint(p.Class.Values()), "--storage-class %q is unknown", f.storageClass)
		}
	}
	if changed("expected-bucket-owner") {
		if p.Owner = f.owner; !owner.MatchString(p.Owner) {
			return p, usagef("its 12 digits", "--expected-bucket-owner %q is not an AWS account", f.owner)
		}
	}
	p.Tags, err = parseTags(f.tags)
	return p, err
}

// parsePeriod reads how long something is retained, in the calendar.
func parsePeriod(s string) (p s3store.Period, err error) {
	m := period.FindStringSubmatch(s)
	if m == nil || s == "" {
		return p, usagef("write it as in 7y, 26w or 90d", "--retain %q is not a duration", s)
	}
	var n [3]int
	for i := range n {
		if m[i+1] != "" {
			if n[i], err = strconv.Atoi(m[i+1]); err != nil {
				return p, err // digits only: can't fail
			}
		}
	}
	p = s3store.Period{Years: n[0], Days: 7*n[1] + n[2]}
	if p == (s3store.Period{}) || p.Years > longestYears || p.Days > 365*longestYears {
		return p, usagef("between 1d and 100y, as in 7y", "--retain %q is too short or too long", s)
	}
	return p, nil
}

func parseTags(tags []string) (string, error) {
	v := url.Values{}
	for _, t := range tags {
		key, value, ok := strings.Cut(t, "=")
		if !ok || key == "" || len([]rune(key)) > 128 || len([]rune(value)) > 256 || !tagText.MatchString(t) || v.Has(key) {
			return "", usagef("as in --tag department=legal: letters, digits, spaces and _.:/=+-@, each key once", "--tag %q is not a tag", t)
		}
		v.Set(key, value)
	}
	if len(v) > 10 {
		return "", usagef("S3 allows at most ten tags", "--tag is given %d times", len(v))
	}
	return v.Encode(), nil
}

// protected says for people how copies are to be kept.
func protected(p s3store.Protection) string {
	var words []string
	if p.Lock != "" {
		words = append(words, fmt.Sprintf("locked for %s (%s)", p.Retain, strings.ToLower(string(p.Lock))))
	}
	if p.Encryption != "" {
		words = append(words, "encrypted with "+string(p.Encryption))
	}
	if p.Class != "" {
		words = append(words, "audio in "+string(p.Class))
	}
	if p.Tags != "" {
		words = append(words, "tagged")
	}
	return strings.Join(words, ", ")
}
