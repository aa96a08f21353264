package pipeline

import (
	"fmt"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// A server that doesn't count, whatever else it says: all is archived, and where
// nothing is hidden, nothing is said to be.
func TestUncountedListings(t *testing.T) {
	t.Parallel()
	links := func(m map[string]any) map[string]any { l, _ := m["_links"].(map[string]any); return l }
	list := func(m map[string]any) []any {
		e, _ := m["_embedded"].(map[string]any)
		l, _ := e["recordings"].([]any)
		return l
	}
	for name, change := range map[string]func(m map[string]any){
		"a full page links on": func(m map[string]any) {
			delete(m, "total_items")
			delete(m, "total_pages")
			delete(links(m), "last")
			delete(links(m), "next")
			if len(list(m)) == m["page_size"].(int) {
				links(m)["next"] = map[string]any{"href": fmt.Sprintf("https://api/x?page=%d", m["page"].(int)+1)}
			}
		},
		"no links, no counts": func(m map[string]any) {
			delete(m, "total_items")
			delete(m, "total_pages")
			delete(m, "_links")
		},
		"links, no counts": func(m map[string]any) {
			delete(m, "total_items")
			delete(m, "total_pages")
		},
		"a count of the page": func(m map[string]any) { m["total_items"] = len(list(m)) },
		"a count of 0":        func(m map[string]any) { m["total_items"] = 0; delete(m, "total_pages") },
		"a count of the page, next on a full one": func(m map[string]any) {
			m["total_items"] = len(list(m))
			delete(m, "total_pages")
			delete(links(m), "last")
			delete(links(m), "next")
			if len(list(m)) == m["page_size"].(int) {
				links(m)["next"] = map[string]any{"href": fmt.Sprintf("https://api/x?page=%d", m["page"].(int)+1)}
			}
		},
		"one page too many": func(m map[string]any) { m["total_pages"] = m["total_pages"].(int) + 1 },
		"the first page links on for ever": func(m map[string]any) {
			delete(m, "total_items")
			delete(m, "total_pages")
			delete(links(m), "last")
			links(m)["next"] = map[string]any{"href": fmt.Sprintf("https://api/x?page=%d", m["page"].(int)+1)}
		},
	} {
		frame := func(m map[string]any) {
			if m["_embedded"] == nil {
				m["_embedded"] = map[string]any{"recordings": []any{}}
			}
			change(m)
		}
		for _, n := range []int{100, 102} { // a slice ends at the last, or before
			for _, del := range []bool{false, true} {
				if del && n != 100 {
					continue
				}
				t.Run(fmt.Sprintf("%s, %d, %v", name, n, del), func(t *testing.T) {
					t.Parallel()
					l := newLab(t, "directory")
					l.account = vbctest.New(vbctest.Config{Frame: frame})
					for i := range n {
						l.account.Add(vbctest.Recording{ID: int64(i + 1), Size: 300, Start: l.cutoff.AddDate(-1, 0, 0).Truncate(time.Second).Add(time.Duration(i/3) * time.Minute)})
					}
					all := l.account.Recordings()
					for range 2 {
						sum, err := l.run(Options{Delete: del, PageSize: 100, NoTranscripts: true, ExportLimit: 1})
						if err != nil || !sum.Complete() || sum.NotListed != 0 {
							t.Errorf("%+v, %v", sum, err)
						}
					}
					for _, rec := range all {
						if !l.holds(rec) {
							t.Errorf("recording %d isn't archived", rec.ID)
						}
					}
				})
			}
		}
	}
}
