package main

import (
	"crypto/sha256"
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vbcvault/vbcvault/storage/s3store"
	"github.com/vbcvault/vbcvault/vbc"
)

// parseMoment reads a time of RFC 3339, or a date, which means its midnight in UTC.
func parseMoment(flag, s string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, usagef("write it as in 2026-08-01 (midnight UTC) or 2026-08-01T00:00:00Z", "--%s %q is not a time", flag, s)
}

// closest is how near to now a cutoff may be without --allow-recent: a call of
// today may still be going on, or be listed late.
const closest = 24 * time.Hour

// parseCutoff makes the cutoff of --older-than or --before.
func parseCutoff(olderThan, before string, allowRecent bool, now time.Time) (cutoff time.Time, err error) {
	switch {
	case olderThan != "" && before != "":
		return cutoff, usagef("use one of them", "--older-than and --before can't be used together")
	case olderThan != "":
		age, err := parseAge("older-than", olderThan)
		if err != nil {
			return cutoff, err
		}
		cutoff = now.Add(-age)
	case before != "":
		if cutoff, err = parseMoment("before", before); err != nil {
			return cutoff, err
		}
	default:
		return cutoff, usagef("add it, as in --older-than 90d or --before 2026-08-01", "no recordings selected: --older-than or --before is required")
	}
	switch {
	case cutoff.After(now):
		return cutoff, usagef("choose a time in the past", "the cutoff %s is in the future", cutoff.UTC().Format(time.RFC3339))
	case now.Sub(cutoff) < closest && !allowRecent:
		return cutoff, usagef("choose an earlier one, or add --allow-recent",
			"the cutoff %s is less than 24 hours ago", cutoff.UTC().Format(time.RFC3339))
	}
	return cutoff, nil
}

// parseRate turns "10/m" into the time between two requests.
func parseRate(s string) (time.Duration, error) {
	if s == "" {
		return 0, nil
	}
	count, unit, _ := strings.Cut(s, "/")
	per := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}[unit]
	n, err := strconv.Atoi(count)
	if err != nil || n <= 0 || per == 0 {
		return 0, usagef("write it as in 10/m; also /s and /h", "--rate %q is not a rate", s)
	}
	return per / time.Duration(n), nil
}

func parseKinds(words []string) ([]vbc.Kind, error) {
	var kinds []vbc.Kind
	for _, w := range words {
		k := vbc.Kind(w)
		if k != vbc.Company && k != vbc.OnDemand {
			return nil, usagef("company, on-demand, or company,on-demand for both", "--kind %q is unknown", w)
		}
		if !slices.Contains(kinds, k) {
			kinds = append(kinds, k)
		}
	}
	if len(kinds) == 0 {
		return nil, usagef("company, on-demand, or company,on-demand for both", "--kind is empty")
	}
	return kinds, nil
}

// parseKey is the key of one recording: --kind, --user and --id.
func parseKey(kind, user string, id int64) (vbc.Key, error) {
	kinds, err := parseKinds([]string{kind})
	if err != nil {
		return vbc.Key{}, err
	}
	if kinds[0] == vbc.OnDemand && user == "" {
		return vbc.Key{}, usagef("as in --kind on-demand --user 745249", "--user is required for on-demand recordings")
	}
	return vbc.Key{Kind: kinds[0], Owner: user, ID: id}, nil
}

var number = regexp.MustCompile(`^[0-9]{1,18}$`)

func parseAccount(s string) error {
	if s != "self" && !number.MatchString(s) {
		return usagef(`the account's number, as in 549825, or "self"`, "--account %q is not an account", s)
	}
	return nil
}

func parseUsers(users []string) error {
	for _, u := range users {
		if u != "self" && u != "all" && !number.MatchString(u) {
			return usagef(`users' numbers, as in 745249,745250, or "self" or "all"`, "--users: %q is not a user", u)
		}
	}
	if len(users) == 0 {
		return usagef(`users' numbers, as in 745249,745250, or "self" or "all"`, "--users is empty")
	}
	return nil
}

// destination is where --to points.
type destination struct {
	bucket, prefix string // s3://
	dir            string // file://

	protection s3store.Protection // of s3://
}

func (d destination) String() string {
	if d.dir != "" {
		return (&url.URL{Scheme: "file", Path: filepath.ToSlash(d.dir)}).String()
	}
	return strings.TrimSuffix("s3://"+d.bucket+"/"+d.prefix, "/")
}

var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

func parseDestination(s string) (destination, error) { return parsePlace("to", s) }

// parsePlace is parseDestination for any flag.
func parsePlace(flag, s string) (destination, error) {
	const hint = "s3://BUCKET/PREFIX or file:///DIRECTORY"
	u, err := url.Parse(s)
	keys := strings.ContainsRune(s, '@') && (err != nil || u.User != nil || u.Host == "" && u.Scheme != "file")
	s = withoutKeys(s)
	switch {
	case keys:
		return destination{}, usagef("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE; "+hint,
			"--%s %q is not a destination: it must not contain credentials, because others can see them", flag, s)
	case s == "":
		return destination{}, usagef("as in --"+flag+" s3://my-bucket/recordings", "--%s is required", flag)
	case err != nil || u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		return destination{}, usagef(hint, "--%s %q is not a destination", flag, s)
	case u.Scheme == "s3":
		prefix := strings.Trim(u.Path, "/")
		if why := s3store.Unusable(u.Host); why != "" {
			return destination{}, usagef("name another bucket", "--%s %q can't be used: %s", flag, s, why)
		}
		if !bucketName.MatchString(u.Host) {
			return destination{}, usagef(hint, "--%s %q: %q is not the name of a bucket", flag, s, u.Host)
		}
		if slices.ContainsFunc(strings.Split(prefix, "/"), func(p string) bool { return prefix != "" && (p == "" || p == "." || p == "..") }) {
			return destination{}, usagef(hint, "--%s %q: the prefix has an empty or relative part", flag, s)
		}
		return destination{bucket: u.Host, prefix: prefix}, nil
	case u.Scheme == "file":
		if u.Host != "" || u.Path == "" || u.Path == "/" {
			return destination{}, usagef("three slashes and a directory, as in file:///mnt/archive", "--%s %q is not an absolute path", flag, s)
		}
		return destination{dir: filepath.Clean(localPath(u.Path))}, nil
	}
	return destination{}, usagef(hint, "--%s %q: vbcvault can't store there", flag, s)
}

// withoutKeys is what may be shown of an address that may hold secrets: what
// stands before an @, and what follows a ? or #, is left out. It isn't parsed:
// keys hold slashes, and then it can't be.
func withoutKeys(s string) string {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		scheme, rest = "", s
	} else if scheme += "://"; strings.ContainsRune(scheme, '@') {
		scheme = ""
	}
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		rest = "…@" + rest[i+1:]
	}
	if i := strings.IndexAny(rest, "?#"); i >= 0 {
		rest = rest[:i+1] + "…"
	}
	return scheme + rest
}

// localPath takes the slash off before a Windows drive letter.
func localPath(p string) string {
	if len(p) > 2 && p[0] == '/' && p[2] == ':' {
		p = p[1:]
	}
	return filepath.FromSlash(p)
}

var unfit = regexp.MustCompile(`[^A-Za-z0-9.-]+`)

// manifestPath names the manifest after account and destination. Where the
// account is "self", whose account that is depends on the API and the user.
func manifestPath(dir, account, user, api string, d destination) string {
	id := account + "\n" + d.String()
	if account == "self" {
		id += "\n" + user + "\n" + api
	}
	sum := sha256.Sum256([]byte(id))
	slug := strings.Trim(unfit.ReplaceAllString(d.String(), "-"), "-")
	if len(slug) > 60 {
		slug = slug[:60]
	}
	return filepath.Join(dir, fmt.Sprintf("%s_%s_%x.manifest", account, slug, sum[:4]))
}
