package web

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"math"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/vbc"
)

// cursor is the last call on a page of several accounts' calls: the next page begins
// behind it. It is in addresses, and whoever writes one by hand gets what they may see,
// from there on: it says where, and nothing of what.
type cursor struct {
	Start   int64    `json:"s"` // Unix milliseconds
	Account string   `json:"a"`
	Kind    vbc.Kind `json:"k"`
	Owner   string   `json:"o"`
	ID      int64    `json:"i"`
	Nth     int64    `json:"n"`
}

func cursorOf(f found) cursor {
	return cursor{f.Start.UnixMilli(), f.Account, f.Kind, f.Owner, f.ID, f.Nth}
}

// String is the cursor in an address.
func (c cursor) String() string {
	b, err := json.Marshal(c)
	if err != nil {
		panic(err) // strings and numbers only: can't fail
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// readCursor reads what String wrote.
func readCursor(s string) (c cursor, ok bool) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(b) > 1000 || json.Unmarshal(b, &c) != nil || (c.Kind != vbc.Company && c.Kind != vbc.OnDemand) {
		return cursor{}, false
	}
	return c, c.String() == s
}

// after is the place in one account's calls behind which the next page begins, the
// newest first. Of calls that start at the same moment, those of accounts whose names
// come later are shown first.
func (c cursor) after(account string) manifest.Place {
	at := manifest.Place{Start: time.UnixMilli(c.Start).UTC(), ID: math.MinInt64, Nth: math.MinInt64}
	switch cmp.Compare(account, c.Account) {
	case 0:
		return manifest.Place{Start: at.Start, Kind: c.Kind, Owner: c.Owner, ID: c.ID, Nth: c.Nth}
	case -1: // all that start then are still to come
		at.Start = at.Start.Add(time.Millisecond)
	}
	return at
}

// newer orders calls of several accounts, the newest first.
func newer(a, b found) int {
	return -cmp.Or(cmp.Compare(a.Start.UnixMilli(), b.Start.UnixMilli()), cmp.Compare(a.Account, b.Account), manifest.PlaceOf(a.Row).Compare(manifest.PlaceOf(b.Row)))
}
