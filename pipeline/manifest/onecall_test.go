package manifest

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// Two rows are of one call if all agrees that tells calls apart, or an archive can't
// tell them apart, or VBC has said so; and not against what VBC says.
func TestOneCall(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 5, 12, 10, 15, 0, 0, time.UTC)
	row := func(start time.Time, size int64, callID, name string) Row {
		raw, err := json.Marshal(map[string]any{"id": 7, "start": vbc.FormatTime(start), "file_size_in_bytes": size, "call_id": callID, "file_name": name})
		if err != nil {
			t.Fatal(err)
		}
		return Row{Recording: vbc.ParseRecording(vbc.Company, "", raw)}
	}
	said := func(r Row, start time.Time) Row {
		r.Said = []Said{{Start: start}}
		return r
	}
	held := func(r Row, bytes int64) Row {
		r.Copy.Audio = storage.Object{Key: "k", Content: storage.Content{Size: bytes}}
		return r
	}
	bare := func(start time.Time, size int64) Row {
		return Row{Recording: vbc.ParseRecording(vbc.Company, "", Bare(7, start, size))}
	}
	first, later := row(at, 1000, "a", "a.mp3"), at.AddDate(0, 0, 1)
	onDemand := first
	onDemand.Kind = vbc.OnDemand
	for name, c := range map[string]struct {
		b    Row
		want bool
	}{
		"itself":                              {first, true},
		"start corrected":                     {row(later, 1000, "a", "a.mp3"), true},
		"given again":                         {row(later, 1000, "b", "b.mp3"), false},
		"given again, larger":                 {row(later, 2000, "a", "a.mp3"), false},
		"of another kind":                     {onDemand, false},
		"name corrected":                      {row(at, 1000, "a", "b.mp3"), true},
		"as large in the same second":         {bare(at, 1000), true},
		"larger in the same second":           {bare(at, 2000), false},
		"larger in fact, declared the same":   {held(row(at, 1000, "a", "a.mp3"), 1200), true},
		"larger in fact in the same second":   {held(bare(at, 1000), 1200), false},
		"at another time, nothing is known":   {bare(later, 1000), false},
		"at another time that VBC has said":   {said(bare(later, 1000), at), true},
		"said, but another call":              {said(row(later, 1000, "b", "a.mp3"), at), false},
		"said, but larger":                    {said(row(later, 2000, "", ""), at), false},
		"said, and nothing speaks against it": {said(row(later, -1, "", ""), at), true},
	} {
		if OneCall(first, c.b) != c.want || OneCall(c.b, first) != c.want {
			t.Errorf("%s: %v", name, OneCall(first, c.b))
		}
	}
}
