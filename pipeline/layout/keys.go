// Package layout says where everything lies in an archive and what it is called:
// recordings with their metadata and transcripts, and beside them the receipts,
// holds, erasures and the catalogue. It reads and makes keys, and reads what is
// under them; it changes nothing.
package layout

import (
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/vbcvault/vbcvault/vbc"
)

// Stem is where a recording's objects lie, without their endings:
//
//	account=549825/kind=company/year=2026/month=05/day=12/20260512T101500Z_193228
//
// It is made of numbers and a time only. No text that VBC sends is ever part
// of a key. The directories are named so that Athena, DuckDB and Spark read
// them as columns.
func Stem(r vbc.Recording) (string, error) {
	if !IsNumber(r.Account) {
		return "", fmt.Errorf("%s: its account number is unknown", r)
	}
	owner := ""
	if r.Kind == vbc.OnDemand {
		if !IsNumber(r.Owner) {
			return "", fmt.Errorf("%s: its owner's number is unknown", r)
		}
		owner = "user=" + r.Owner + "/"
	}
	t := r.Start.UTC()
	return fmt.Sprintf("%skind=%s/%s%s/%s_%d", Recordings(r.Account), r.Kind, owner,
		t.Format("year=2006/month=01/day=02"), t.Format("20060102T150405Z"), r.ID), nil
}

// stemForm is what Stem makes, with an ending behind it.
var stemForm = regexp.MustCompile(`^(account=([0-9]{1,18})/kind=(company|on-demand)/(?:user=([0-9]{1,18})/)?year=[0-9]{4}/month=[0-9]{2}/day=[0-9]{2}/([0-9]{8}T[0-9]{6}Z)_([1-9][0-9]{0,18}))[-.]`)

// ParseKey reads out of a key what Stem has put into it: of the recording no
// more than account, kind, owner, id and start (in whole seconds) is known.
func ParseKey(key string) (rec vbc.Recording, base string, ok bool) {
	m := stemForm.FindStringSubmatch(key)
	if m == nil {
		return rec, "", false
	}
	rec = vbc.Recording{Account: m[2], Kind: vbc.Kind(m[3]), Owner: m[4], Size: -1}
	var err, e error
	rec.Start, err = time.Parse("20060102T150405Z", m[5])
	rec.ID, e = strconv.ParseInt(m[6], 10, 64)
	base, unfit := Stem(rec)
	return rec, m[1], err == nil && e == nil && unfit == nil && base == m[1] && (rec.Owner == "") == (rec.Kind == vbc.Company)
}

// IsOf reports whether a key that begins with a stem is that recording's, and
// not one with a longer id.
func IsOf(stem, key string) bool {
	rest := strings.TrimPrefix(key, stem)
	return strings.HasPrefix(rest, ".") || strings.HasPrefix(rest, "-") // see Beside
}

// Collection is where the recordings of one collection lie: those of a kind, and of a
// user where that has owners.
func Collection(account string, kind vbc.Kind, owner string) string {
	prefix := fmt.Sprintf("%skind=%s/", Recordings(account), kind)
	if kind == vbc.OnDemand {
		prefix += "user=" + owner + "/"
	}
	return prefix
}

// BearsID reports whether a name in a collection ends as those of a recording with
// this id do, whatever comes before it.
func BearsID(key string, id int64) bool {
	name := path.Base(key)
	mark := fmt.Sprintf("_%d", id)
	for {
		i := strings.Index(name, mark)
		if i < 0 {
			return false
		}
		if name = name[i+len(mark):]; strings.HasPrefix(name, ".") || strings.HasPrefix(name, "-") {
			return true
		}
	}
}

// IsTranscript reports whether a key of a recording's is its transcript's.
func IsTranscript(stem, key string) bool { return strings.HasPrefix(key, stem+".transcript") }

// Recordings is where those of an account lie.
func Recordings(account string) string { return "account=" + account + "/" }

// IsNumber reports whether s is an account's or user's number.
func IsNumber(s string) bool {
	return s != "" && len(s) <= 18 && strings.Trim(s, "0123456789") == ""
}
