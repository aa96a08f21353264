package vbc

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// Filter selects recordings by what VBC says of their calls. Fields that are
// zero select nothing; a recording must match all others, exactly as VBC
// writes them.
type Filter struct {
	Direction   string // INBOUND, OUTBOUND or INTRA_PBX
	Extension   string // one of the recording's
	CallerID    string
	DNIS        string
	CNAM        string
	CallID      string
	MinDuration time.Duration // included, as MaxDuration is; whole milliseconds
	MaxDuration time.Duration
	RuleID      string // one of the recording's. The API has no such parameter
}

// parameters are what the API knows of a filter, by the names that queries and
// exports have in common. Durations are milliseconds.
func (f Filter) parameters() url.Values {
	v := url.Values{}
	for name, value := range map[string]string{
		"call_direction": f.Direction, "extension": f.Extension, "caller_id": f.CallerID, "dnis": f.DNIS, "cnam": f.CNAM,
		"call_id": f.CallID, "duration:gte": milliseconds(f.MinDuration), "duration:lte": milliseconds(f.MaxDuration),
	} {
		if value != "" {
			v.Set(name, value)
		}
	}
	return v
}

func milliseconds(d time.Duration) string {
	if d <= 0 {
		return ""
	}
	return strconv.FormatInt(d.Milliseconds(), 10)
}

// String is the same text for the same filter, "" for none. What may name a
// caller or a call is a digest in it: it is written down, and may outlive what was
// erased on request.
func (f Filter) String() string {
	v := f.parameters()
	if f.RuleID != "" {
		v.Set("rule_id", f.RuleID)
	}
	for _, name := range []string{"caller_id", "dnis", "cnam", "call_id", "extension"} {
		if text := v.Get(name); text != "" {
			sum := sha256.Sum256([]byte(name + "=" + text))
			v.Set(name, "sha256:"+hex.EncodeToString(sum[:8]))
		}
	}
	return v.Encode()
}

// Matches reports whether a recording is one of those that are selected,
// whatever VBC makes of the filter. What VBC doesn't say of a recording
// matches nothing: one of unknown duration is neither long nor short.
func (f Filter) Matches(r Recording) bool {
	same := func(want, has string) bool { return want == "" || want == has }
	among := func(want string, has []string) bool { return want == "" || slices.Contains(has, want) }
	return same(f.Direction, r.Direction) && same(f.CallerID, r.CallerID) && same(f.DNIS, r.DNIS) &&
		same(f.CNAM, r.CNAM) && same(f.CallID, r.CallID) && among(f.Extension, r.Extensions) && among(f.RuleID, r.RuleIDs) &&
		(f.MinDuration <= 0 || r.Duration >= f.MinDuration) &&
		(f.MaxDuration <= 0 || r.Duration >= 0 && r.Duration <= f.MaxDuration)
}
