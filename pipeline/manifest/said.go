package manifest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vbcvault/vbcvault/vbc"
)

// Said is what VBC once said of a call, as far as holds look at it. The zero one
// stands for what isn't known in detail any more: it may have been anything.
type Said struct {
	Start      time.Time `json:"start"` // UTC
	CallerID   string    `json:"caller_id,omitempty"`
	Extensions []string  `json:"extensions,omitempty"`
}

// What a row remembers of a call is bounded, whatever VBC says. From the MostSaid-th
// thing on that differs from all before, a row has the zero Said as well, and holds
// take it for anything. Of a text that is too long the same is true of what it says.
const (
	MostSaid    = 100
	longestSaid = 4 << 10 // bytes of caller and extensions
)

// DecodeSaid reads what EncodeSaid has written; "" is nothing.
func DecodeSaid[T []byte | string](text T) (said []Said, err error) {
	if len(text) > 0 {
		if err = json.Unmarshal([]byte(text), &said); err != nil {
			err = fmt.Errorf("read what VBC has said of a recording: %w", err)
		}
	}
	return said, err
}

// EncodeSaid is what a manifest keeps of what VBC has said of a recording before.
func EncodeSaid(said []Said) string {
	if len(said) == 0 {
		return ""
	}
	b, err := json.Marshal(said)
	if err != nil {
		panic(err) // times and texts: can't fail
	}
	return string(b)
}

func saidOf(r vbc.Recording) Said { return Said{r.Start.UTC(), r.CallerID, r.Extensions} }

// equal reports whether holds can't tell two of them apart.
func (s Said) equal(o Said) bool {
	return s.Start.Equal(o.Start) && strings.TrimSpace(s.CallerID) == strings.TrimSpace(o.CallerID) &&
		slices.Equal(slices.Sorted(slices.Values(s.Extensions)), slices.Sorted(slices.Values(o.Extensions)))
}

// remember adds what isn't among all.
func remember(all []Said, more ...Said) []Said {
	for _, s := range more {
		if len(s.CallerID)+len(strings.Join(s.Extensions, "")) > longestSaid {
			s = Said{Start: s.Start}
		}
		if len(all) >= MostSaid && !slices.ContainsFunc(all, s.equal) {
			s = Said{}
		}
		if !slices.ContainsFunc(all, s.equal) {
			all = append(slices.Clip(all), s)
		}
	}
	return all
}

// ever reports whether something is true of anything that VBC has said.
func (r Row) ever(is func(Said) bool) bool {
	return is(saidOf(r.Recording)) || slices.ContainsFunc(r.Said, is)
}

// EverSaid is a row with a recording as somebody has it, and all that is known of
// what VBC has said of it: raw is the latest JSON that was written down.
func EverSaid(r vbc.Recording, raw string, said []Said) Row {
	k := Known{Raw: raw, Said: said}
	return Row{Recording: r, Said: k.past(k.parsed(r.Key()), r)}
}

// parsed is what a row under a key has of VBC's JSON.
func (k Known) parsed(key vbc.Key) vbc.Recording {
	return vbc.ParseRecording(key.Kind, key.Owner, json.RawMessage(k.Raw))
}

// past is what a row says of its call beside what r does. What the program itself
// has put in place of VBC's JSON, of a recording of which little is known, says
// nothing.
func (k Known) past(was, r vbc.Recording) []Said {
	then := saidOf(was)
	if then.equal(saidOf(r)) || isBare(k.Raw) {
		return k.Said
	}
	return remember(k.Said, then)
}

// Share is what each of the rows that an id has had is to have of what VBC has said:
// its own, and that of other rows of the same call. Of them, Raw and Said count.
func Share(key vbc.Key, rows []Known) [][]Said {
	all := make([][]Said, len(rows))
	for i, k := range rows {
		all[i] = k.Said
		is := k.parsed(key)
		for j, other := range rows {
			if was := other.parsed(key); i != j && sameCall(was, is) {
				all[i] = remember(all[i], other.past(was, is)...)
			}
		}
	}
	return all
}

// sameCall reports whether two answers of VBC with one id are about one call,
// whatever else has changed: then what was said of it before counts on.
func sameCall(a, b vbc.Recording) bool {
	if a.CallID != "" && b.CallID != "" {
		return a.CallID == b.CallID
	}
	return a.Start.Equal(b.Start)
}
