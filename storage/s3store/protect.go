package s3store

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/s3store/rights"
)

// Protection is how S3 is to keep what is stored, beyond its bytes. Its zero
// value asks for nothing, and leaves everything to the bucket's defaults.
type Protection struct {
	Lock   types.ObjectLockMode // "" = no retention of our own
	Retain Period               // from the moment of storing, with Lock

	Encryption types.ServerSideEncryption // "" = the bucket's default
	KMSKey     string                     // its id, alias or ARN; "" = the default one

	Class types.StorageClass // of audio; the rest is read by later runs, and stays where that is at once
	Tags  string             // as in a query: a=1&b=2

	Owner string // the account that the bucket must belong to; S3 refuses every request if it doesn't
}

// Period is a length of time in the calendar.
type Period struct{ Years, Days int }

// From returns the end of a period that begins at t.
func (p Period) From(t time.Time) time.Time { return t.UTC().AddDate(p.Years, 0, p.Days) }

// String writes a period as in "7y" or "90d".
func (p Period) String() string {
	var s string
	if p.Years > 0 {
		s = fmt.Sprintf("%dy", p.Years)
	}
	if p.Days > 0 || s == "" {
		s += fmt.Sprintf("%dd", p.Days)
	}
	return s
}

// earlier is how much earlier than asked for a retention may end: the machine
// that reckons it and the server have different clocks, and an upload takes
// its time.
const earlier = 24 * time.Hour

// headers are sent with every object that comes into being. They are the same
// for both ways to store.
func (p Protection) headers(a storage.Attrs, now time.Time) map[string]string {
	h := map[string]string{}
	set := func(name, value string) {
		if value != "" {
			h[name] = value
		}
	}
	if p.Lock != "" && !a.Derived {
		set("X-Amz-Object-Lock-Mode", string(p.Lock))
		set("X-Amz-Object-Lock-Retain-Until-Date", p.Retain.From(now).Format(time.RFC3339))
	}
	set("X-Amz-Server-Side-Encryption", string(p.Encryption))
	set("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id", p.KMSKey)
	if a.Bulk {
		set("X-Amz-Storage-Class", string(p.Class))
	}
	set("X-Amz-Tagging", p.Tags)
	return h
}

// protected adds the headers to a request.
func (s *Store) protected(a storage.Attrs) func(*s3.Options) {
	return withHeaders(s.protection.headers(a, time.Now()))
}

func withHeaders(h map[string]string) func(*s3.Options) {
	var add []func(*middleware.Stack) error
	for name, value := range h {
		add = append(add, smithyhttp.SetHeaderValue(name, value))
	}
	return s3.WithAPIOptions(add...)
}

// kept is what an answer says of how an object is kept.
type kept struct {
	lock       types.ObjectLockMode
	until      *time.Time
	modified   *time.Time
	encryption types.ServerSideEncryption
	key        *string
}

// describe takes it into the object that Stat returns.
func (s *Store) describe(o *storage.Object, k kept) {
	o.LockedUntil, o.Encryption = aws.ToTime(k.until).UTC(), string(k.encryption)
	lacks := slices.DeleteFunc([]string{s.unlocked(k), s.unencrypted(k.encryption, aws.ToString(k.key))}, func(why string) bool { return why == "" })
	o.Lacks = strings.Join(lacks, ", and ")
}

// unlocked says what is missing of the lock that was asked for, "" if nothing.
func (s *Store) unlocked(k kept) string {
	p := s.protection
	if p.Lock == "" {
		return ""
	}
	from := time.Now()
	if k.modified != nil {
		from = *k.modified
	}
	switch {
	case k.until == nil:
		return "it is not locked (or " + rights.GetRetention + " is not allowed)"
	case p.Lock == types.ObjectLockModeCompliance && k.lock != p.Lock:
		return "it is locked only in " + strings.ToLower(string(k.lock)) + " mode"
	case k.until.Before(p.Retain.From(from).Add(-earlier)):
		return fmt.Sprintf("it is locked only until %s", k.until.UTC().Format(time.DateOnly))
	}
	return ""
}

// unencrypted says the same of the encryption.
func (s *Store) unencrypted(has types.ServerSideEncryption, key string) string {
	p := s.protection
	switch {
	case p.Encryption == "":
		return ""
	case has == "":
		return "the server doesn't say that it is encrypted"
	case has != p.Encryption:
		return fmt.Sprintf("it is encrypted with %s, not %s", has, p.Encryption)
	case !s.sameKey(key):
		return "it is encrypted with another key, " + plain(key)
	}
	return ""
}

// sameKey compares what S3 calls a key, an ARN, with what the user does. An
// alias is resolved by the probe.
func (s *Store) sameKey(arn string) bool {
	asked := s.protection.KMSKey
	if resolved := s.resolvedKey.Load(); resolved != nil {
		asked = *resolved
	}
	return asked == "" || arn == asked || strings.HasSuffix(arn, "key/"+asked)
}

// ErrLockOff is the error of Probe (wrapped) if objects are to be locked in a bucket
// that can't lock any.
var ErrLockOff = errors.New("Object Lock is off for this bucket; turn it on (versioning must be on), or use a bucket that has it") //nolint:staticcheck // a name

// EncryptionError is the error of Probe (wrapped) if the bucket doesn't encrypt as
// Protection asks.
type EncryptionError struct {
	Why string
}

func (e *EncryptionError) Error() string {
	return "the bucket doesn't encrypt as requested: " + e.Why
}

// probeProtection asks for an upload kept as ours are to be, and drops it. It
// leaves nothing.
func (s *Store) probeProtection(ctx context.Context) error {
	p := s.protection
	if p == (Protection{Owner: p.Owner}) {
		return nil // the owner is looked at by every request
	}
	if p.Lock != "" {
		out, err := s.client.GetObjectLockConfiguration(ctx, &s3.GetObjectLockConfigurationInput{Bucket: &s.bucket})
		off := err == nil && (out.ObjectLockConfiguration == nil || out.ObjectLockConfiguration.ObjectLockEnabled != types.ObjectLockEnabledEnabled)
		if off || codeOf(err) == "ObjectLockConfigurationNotFoundError" || codeOf(err) == "NoSuchObjectLockConfiguration" {
			return ErrLockOff
		}
		// Where that may not be asked, the upload shows it.
	}
	u, err := s.begin(ctx, probeKey, storage.Attrs{Bulk: true})
	if err != nil {
		return err
	}
	u.abort(ctx)
	if key := aws.ToString(u.encryptionKey); key != "" && (strings.HasPrefix(p.KMSKey, "alias/") || strings.Contains(p.KMSKey, ":alias/")) {
		s.resolvedKey.Store(&key) // whose it is, only the server knows
	}
	if why := s.unencrypted(u.encryption, aws.ToString(u.encryptionKey)); why != "" {
		return &EncryptionError{Why: why}
	}
	return nil
}

// Protect implements storage.Protector: it locks for longer. What is encrypted
// otherwise stays so, and isn't locked in vain.
func (s *Store) Protect(ctx context.Context, o storage.Object) error {
	out, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &s.bucket, Key: s.full(o.Key), VersionId: optional(o.VersionID)})
	if err != nil {
		return s.explain("check", o.Key, err)
	}
	k := kept{out.ObjectLockMode, out.ObjectLockRetainUntilDate, out.LastModified, out.ServerSideEncryption, out.SSEKMSKeyId}
	if s.unlocked(k) == "" || s.unencrypted(k.encryption, aws.ToString(k.key)) != "" {
		return nil
	}
	until := s.protection.Retain.From(time.Now())
	if k.until != nil && k.until.After(until) {
		until = *k.until // a lock is never shortened
	}
	_, err = s.client.PutObjectRetention(ctx, &s3.PutObjectRetentionInput{
		Bucket: &s.bucket, Key: s.full(o.Key), VersionId: optional(o.VersionID), ChecksumAlgorithm: types.ChecksumAlgorithmSha256,
		Retention: &types.ObjectLockRetention{Mode: types.ObjectLockRetentionMode(s.protection.Lock), RetainUntilDate: &until},
	})
	if status := statusOf(err); status == http.StatusForbidden || status == http.StatusBadRequest {
		return fmt.Errorf("lock %s: %w", o.Key, brief(err)) // concerns this object; the next may be locked already
	}
	if err != nil {
		return s.explain("lock", o.Key, err)
	}
	return nil
}
