package rebuild

import (
	"cmp"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/vbcvault/vbcvault/pipeline/check"
	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// contradiction says that metadata contradicts the recording inside it.
type contradiction struct{ what string }

func (e *contradiction) Error() string { return e.what }

// contradictions names the metadata of a group that contradicts itself. It isn't used
// unless a receipt that counts has just this, or VBC has the recording no more, as
// receipts say: then it may be all that there is.
func (b *rebuild) contradictions(g layout.Group, all []layout.Said, told []manifest.Row) {
	for i, s := range all {
		if s.Wrong != nil || b.trust {
			continue
		}
		what := contradicts(s, g.Audios)
		if what == "" || slices.ContainsFunc(told, func(t manifest.Row) bool { return vouches(t, s) }) {
			continue
		}
		b.found.Add(check.Damaged, s.Object.Key, g.Recording, "the metadata contradicts itself: "+what)
		if !slices.ContainsFunc(told, func(t manifest.Row) bool {
			return t.Copy.Sidecar.Content == s.Object.Content && (t.State == manifest.Purged || t.State == manifest.Purging)
		}) {
			all[i].Wrong = &contradiction{what}
		}
	}
}

// endings are those of names of audio, by what metadata says that it is.
var endings = map[string]string{"audio/mpeg": ".mp3", "audio/wav": ".wav"}

// contradicts says in what a sidecar contradicts the recording in it, or the names of
// the audio that it may be about; "" if in nothing.
func contradicts(s layout.Said, audios []storage.Object) string {
	has, is := s.Sidecar, s.Recording
	account, company, linked := linkOf(has.Recording)
	ending := endings[has.ContentType]
	fits := func(a storage.Object) bool { return a.Size == has.Size }
	switch {
	case is.Size >= 0 && is.Size != has.Size:
		return fmt.Sprintf("it is about audio of %d bytes, and VBC has declared %d bytes", has.Size, is.Size)
	case linked && account != "" && account != has.Account:
		return fmt.Sprintf("it is in account %s, and VBC has shown it in account %s", has.Account, account)
	case linked && company != (has.Kind == vbc.Company):
		return fmt.Sprintf("it says that the recording is of the kind %s, and VBC has shown it as one of another kind", has.Kind)
	case ending != "" && slices.ContainsFunc(audios, fits) && !slices.ContainsFunc(audios, func(a storage.Object) bool { return fits(a) && path.Ext(a.Key) == ending }):
		return fmt.Sprintf("it is about %s, and the audio has another name's ending", has.ContentType)
	}
	return ""
}

// linkOf is what VBC's own address of a recording says of it; linked is false if it
// says nothing that can be read.
func linkOf(raw json.RawMessage) (account string, company, linked bool) {
	var has struct {
		Links struct {
			Self struct{ Href string } `json:"self"`
		} `json:"_links"`
	}
	if json.Unmarshal(raw, &has) != nil {
		return "", false, false
	}
	href := has.Links.Self.Href
	company = strings.Contains(href, "/company_call_recordings/")
	return vbc.ParseRecording(vbc.Company, "", raw).Account, company, company || strings.Contains(href, "/call_recordings/")
}

// vouches reports whether receipts that count have told of just this metadata.
func vouches(told manifest.Row, s layout.Said) bool {
	return told.Copy.Known() && !told.Unvouched && told.Copy.Sidecar.Content == s.Object.Content
}

// vouchedLast is less for the metadata that receipts vouch for.
func vouchedLast(told manifest.Row, s layout.Said) int {
	if vouches(told, s) {
		return 0
	}
	return 1
}

// historyOf is what VBC has said of a call, oldest first, as far as metadata can be
// read.
func historyOf(all []layout.Said) (history []vbc.Recording) {
	sorted := slices.SortedStableFunc(slices.Values(all), func(x, y layout.Said) int {
		return cmp.Or(x.Sidecar.ArchivedAt.Compare(y.Sidecar.ArchivedAt), strings.Compare(x.Object.Key, y.Object.Key))
	})
	for _, s := range sorted {
		if s.Recording.ID != 0 && s.Recording.Unreadable == "" {
			history = append(history, s.Recording)
		}
	}
	return history
}

// saidBefore is what of that is something else than what is known now: a hold that
// covers any of it covers the recording.
func saidBefore(now vbc.Recording, history []vbc.Recording) []manifest.Said {
	row := manifest.Row{Recording: now}
	for _, r := range history {
		row = manifest.EverSaid(now, string(r.Raw), row.Said)
	}
	return row.Said
}
