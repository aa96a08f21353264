package prove

import (
	"slices"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// Which entries are about a recording: where several have had its id, start or, in
// entries of programs that wrote none, the audio tells. Holds count that cover it, and
// the first signature after what was found.
func TestEntriesOfOneRecording(t *testing.T) {
	t.Parallel()
	start := time.Date(2025, 5, 12, 10, 15, 0, 0, time.UTC)
	object := func(text string) *storage.Object {
		return &storage.Object{Content: storage.Content{Size: int64(len(text)), SHA256: storage.SumOf([]byte(text))}}
	}
	mine, other := storage.SumOf([]byte("hold")), storage.SumOf([]byte("another"))
	entry := func(t receipt.Type, at time.Time, audio *storage.Object) receipt.Entry {
		e := receipt.New(t, 1, vbc.Recording{Account: "1", Kind: vbc.Company, ID: 7, Start: at})
		e.Audio = audio
		return e
	}
	old := time.Time{}
	all := []receipt.Entry{
		{Type: receipt.Signing, Account: "1"}, // of what isn't about it
		entry(receipt.Intent, old, object("theirs")),
		entry(receipt.Result, old, nil),
		entry(receipt.Intent, old, object("mine")),              // 3
		entry(receipt.Result, old, nil),                         // 4
		{Type: receipt.Signing, Account: "1"},                   // 5
		{Type: receipt.Held, Account: "1", Digest: mine},        // 6
		{Type: receipt.Held, Account: "1", Digest: other},       //
		entry(receipt.Intent, start.Add(time.Hour), nil),        //
		entry(receipt.Intent, start.Add(time.Millisecond), nil), // 9
		{Type: receipt.Released, Account: "1", Digest: mine},    // 10
		{Type: receipt.Seen, Account: "1"},                      //
		entry(receipt.Listened, start, nil),
		{Type: receipt.Archived, Account: "1", Kind: vbc.Company, ID: 8},
		{Type: receipt.Archived, Account: "2", Kind: vbc.Company, ID: 7, Start: start},
		{Type: receipt.Archived, Account: "1", Kind: vbc.OnDemand, Owner: "5", ID: 7, Start: start},
	}
	for i := range all {
		all[i].Seq = int64(i)
	}
	g := &subject{account: "1", holds: []storage.Digest{mine}}
	g.row = manifest.Row{Recording: vbc.Recording{Kind: vbc.Company, ID: 7, Start: start}, Copy: manifest.Copy{Audio: *object("mine")}}
	for alone, want := range map[bool][]int64{false: {3, 4, 5, 6, 9, 10}, true: {1, 2, 3, 4, 5, 6, 9, 10}} {
		g.alone = alone
		f := filter{s: g}
		var found []int64
		for _, e := range all {
			f.add(e)
		}
		for _, e := range f.found {
			found = append(found, e.Seq)
		}
		if !slices.Equal(found, want) {
			t.Errorf("alone %v: %d, want %d", alone, found, want)
		}
	}
}
