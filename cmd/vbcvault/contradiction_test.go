package main_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// Where most of what is listed can't be read, status names it all the same, and it
// can be acknowledged.
func TestManyUnreadableCanBeAcknowledged(t *testing.T) {
	t.Parallel()
	for _, pages := range []string{"100", "20"} {
		w := newWorld(t, vbctest.Config{}).inDir()
		start := time.Now().UTC().Truncate(time.Second).AddDate(-1, 0, 0)
		all := w.account.Generate(10, start, 24*time.Hour)
		for i := range int64(30) {
			w.account.Add(vbctest.Recording{ID: i + 1, Start: start.Add(time.Duration(i) * time.Minute), RawStart: "27.11.2025"})
		}
		for range 2 {
			w.want(w.archive("--older-than", "90d", "--page-size", pages), 3, nil)
		}
		for range 3 {
			if r := w.run("acknowledge", "--trouble", "unreadable", "--reason", "ticket 4711"); r.code != 0 {
				t.Errorf("exit %d: %s", r.code, r.stderr)
			}
			if w.archive("--older-than", "90d", "--page-size", pages).code == 0 {
				break
			}
		}
		w.want(w.archive("--older-than", "90d", "--full-scan", "--page-size", pages), 0, map[string]int{"troubles": 0})
		w.mustHold(all...)
	}
}

// A first page that is empty and links on isn't all.
func TestEmptyFirstPageLinksOn(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"a count of none":  `{"_embedded":{"recordings":[]},"_links":{"self":{"href":"/x?page=1"},"next":{"href":"/x?page=2"}},"page":1,"page_size":100,"total_items":0}`,
		"no count":         `{"_embedded":{"recordings":[]},"_links":{"self":{"href":"/x?page=1"},"next":{"href":"/x?page=2"}},"page":1,"page_size":100}`,
		"pages, no links":  `{"_embedded":{"recordings":[]},"page":1,"page_size":100,"total_items":0,"total_pages":3}`,
		"a last page of 3": `{"_embedded":{"recordings":[]},"_links":{"self":{"href":"/x?page=1"},"first":{"href":"/x?page=1"},"last":{"href":"/x?page=3"}},"page":1,"page_size":100,"total_items":0}`,
		"a count":          `{"_embedded":{"recordings":[]},"page":1,"page_size":100,"total_items":5}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, vbctest.Config{}).inDir()
			w.someRecordings(5)
			var n atomic.Int64
			w.account.Inject(func(r *http.Request) *vbctest.Fault {
				if isList(r) && !strings.Contains(r.URL.RawQuery, "page=2") {
					n.Add(1)
					return &vbctest.Fault{Status: 200, Body: body}
				}
				return nil
			})
			r := w.archive("--older-than", "90d")
			if r.code == 0 {
				t.Errorf("exit 0 with work undone: %s", r.stdout)
			}
		})
	}
}

// A count that stays too high, and that somebody takes for granted, costs the
// nights after it nothing: they list what is new.
func TestWrongCountIsAcknowledged(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{Frame: func(m map[string]any) {
		if n, _ := m["total_items"].(int); n >= 100 {
			m["total_items"] = n + 1
		}
	}}).inDir()
	start := time.Now().UTC().Truncate(time.Second).AddDate(-1, 0, 0)
	w.account.Generate(150, start, time.Hour)
	w.want(w.archive("--older-than", "90d"), 1, map[string]int{"troubles": 1, "archived": 150})
	if r := w.run("acknowledge", "--trouble", "missing", "--reason", "ticket 4711"); r.code != 0 {
		t.Errorf("exit %d: %s", r.code, r.stderr)
	}
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"troubles": 0, "acknowledged": 1})
	w.account.Add(vbctest.Recording{ID: 7, Start: time.Now().UTC().Truncate(time.Second).AddDate(0, 0, -91)})
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"listed": 1, "archived": 1})
	w.wantTroubles("missing/company") // it still stands, for a listing of everything
}
