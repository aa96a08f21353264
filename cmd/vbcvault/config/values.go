package config

import (
	"fmt"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // time zones also where the system has none, as in a bare container

	"github.com/vbcvault/vbcvault/cmd/vbcvault/schedule"
)

// words are the fields that take one of a few words.
var words = map[string][]string{
	"on":       {"failure", "recovery", "news", "always"},
	"template": {"slack", "teams"},
	"tls":      {"starttls", "tls", "none"},
	"role":     WebRoles(),
}

// valid is a text as it counts, if it is what its field takes.
func (r *reader) valid(is, s string, at place) (string, bool) {
	wrong, mend := "", ""
	switch is {
	case "cron":
		wrong, mend = unfitCron(s)
	case "path":
		path, ok := r.file(s)
		if ok {
			return path, true
		}
		wrong, mend = "this is not the path of a file", mendPath
	case "url":
		u, err := url.Parse(s)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			wrong, mend = "this is not the address of a server", "write it as in https://api.example.com, without a user, a password or a question mark"
		}
	case "database":
		wrong, mend = unfitDatabase(s, false)
	case "listen", "hostport":
		wrong, mend = unfitAddress(is, s)
	case "network":
		wrong, mend = unfitNetwork(s)
	case "mail":
		if a, err := mail.ParseAddress(s); err != nil || !strings.Contains(a.Address, "@") {
			wrong, mend = "this is not a mail address", "write it as in ops@example.com, or \"Operations <ops@example.com>\""
		}
	case "sample":
		if m := sample.FindStringSubmatch(s); m == nil || !lessThan(m[1], m[2]) {
			wrong, mend = fmt.Sprintf("%q is not a part of the archive", s), "write it as in 1/30: one thirtieth, another one every day"
		}
	default:
		if some := words[is]; some != nil && !slices.Contains(some, s) {
			wrong, mend = fmt.Sprintf("%q is unknown", s), "want one of "+strings.Join(some, ", ")
		} else if s == "" {
			wrong, mend = "there is no value", "give it one, or remove the key"
		}
	}
	if wrong != "" {
		r.wrong(at, mend, "%s", wrong)
	}
	return s, wrong == ""
}

// isDatabase reports whether a manifest's place is meant to be in a database.
func isDatabase(s string) bool { return strings.Contains(s, "://") }

// unfitDatabase says what is wrong with the address of a database, or of a manifest in
// one. It shows nothing of it: it may be a password.
func unfitDatabase(s string, named bool) (wrong, mend string) {
	form := "write it as in postgres://USER@HOST/DATABASE"
	if named {
		form += "?manifest=NAME"
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" || u.Fragment != "" {
		return "this is not the address of a database of PostgreSQL", form
	}
	_, has := u.User.Password()
	switch {
	case has || u.Query().Has("password"):
		return "there is a password in the address", "write where it is into database: password, as in password: {file: /run/secrets/database}. Change it if others could read this file"
	case named && u.Query().Get("manifest") == "":
		return "the address names no manifest", "add ?manifest=NAME; or remove it: each account has its manifest in the database of the file"
	case !named && u.Query().Has("manifest"):
		return "the address names one manifest", "remove manifest=…: each account has a manifest of its own there"
	}
	return "", ""
}

var sample = regexp.MustCompile(`^([0-9]{1,6})/([0-9]{1,6})$`)

func lessThan(part, of string) bool {
	p, err1 := strconv.Atoi(part)
	o, err2 := strconv.Atoi(of)
	return err1 == nil && err2 == nil && p > 0 && p <= o
}

// unfitCron says what is wrong with a cron expression. An empty one is none: an account
// has it where the defaults have another.
func unfitCron(s string) (wrong, mend string) {
	const form = `write five fields (minute, hour, day, month, weekday), as in "17 2 * * *" for 02:17 every night`
	if s == "" {
		return "", ""
	}
	if strings.Contains(s, "TZ=") {
		return "a cron expression names no time zone", "write it into time-zone beside it"
	}
	if _, err := schedule.Parse(s, nil); err != nil {
		return err.Error(), form
	}
	return "", ""
}

// unfitAddress says what is wrong with HOST:PORT.
func unfitAddress(is, s string) (wrong, mend string) {
	host, port, err := net.SplitHostPort(s)
	n, bad := strconv.ParseUint(port, 10, 16)
	switch {
	case is == "listen" && (err != nil || bad != nil):
		return "this is not an address to listen at", "write it as in 127.0.0.1:9180, or :9180 for all addresses of this machine"
	case is == "hostport" && (err != nil || bad != nil || n == 0 || host == ""):
		return "this is not a server with its port", "write it as in mail.example.com:587"
	}
	return "", ""
}

// unfitNetwork says what is wrong with an address or a network.
func unfitNetwork(s string) (wrong, mend string) {
	const form = "write it as in 10.0.0.5, 10.0.0.0/24 or fd00::/8"
	p, err := netip.ParsePrefix(s)
	if a, no := netip.ParseAddr(s); no == nil && a.Zone() == "" {
		return "", ""
	}
	switch {
	case err != nil:
		return "this is not an address or a network", form
	case p.Bits() == 0:
		return "everybody would be believed", "name the address of the proxy, as in 10.0.0.5"
	}
	return "", ""
}

// longestSpread is shorter than from one night to the next.
const longestSpread = 24 * time.Hour

func (r *reader) span(v reflect.Value, s string, at place) {
	d, err := time.ParseDuration(s)
	switch {
	case err != nil:
		mend := "write it as in 90m, 2h or 1h30m"
		if _, err := strconv.Atoi(s); err == nil {
			mend = fmt.Sprintf("add a unit, as in %sm or %sh", s, s)
		}
		r.wrong(at, mend, "%q is not a duration", s)
	case d < 0 || d > longestSpread:
		r.wrong(at, "write it as in 2h, at most 24h", "%s is too short or too long", s)
	default:
		v.SetInt(int64(d))
	}
}

func (r *reader) zone(v reflect.Value, s string, at place) {
	zone, err := time.LoadLocation(s)
	if err != nil || s == "" {
		r.wrong(at, "write it as in Europe/Berlin, America/New_York or UTC", "%q is not a time zone", s)
		return
	}
	v.Set(reflect.ValueOf(zone))
}

var (
	names    = regexp.MustCompile(`^[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?$`)
	reserved = regexp.MustCompile(`^(con|prn|aux|nul|com[0-9]|lpt[0-9])$`) // no files on Windows
)

// UnfitName says why a name can't be that of an account, "" if it can: it becomes a part of file names, of metrics'
// labels, of the keys of jobs, and of addresses.
func UnfitName(s string) string {
	switch {
	case s == "":
		return "the name is empty"
	case s != strings.ToLower(s):
		return "the name has capital letters"
	case !names.MatchString(s):
		return "the name has characters that a name can't have, begins or ends with - or _, or is too long"
	case reserved.MatchString(s):
		return "the name can't be that of a file on Windows"
	}
	return ""
}

// unfitProgram says why a program can't be run, wherever vbcvault is started.
func unfitProgram(s string) (wrong, mend string) {
	switch {
	case s == "":
		return "the program's name is empty", "write the program first, as in [/usr/local/bin/page]"
	case strings.ContainsAny(s, `/\`) && !filepath.IsAbs(s):
		return "the program's path doesn't begin at the root", "write its whole path, as in /usr/local/bin/page, or its name alone if it is in PATH"
	}
	return "", ""
}
