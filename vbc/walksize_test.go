package vbc_test

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/vbc"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// Pages shrink on whatever repeats and may come from their size, and grow again
// when the bad hour is over; what has come isn't listed again.
func TestPageSizes(t *testing.T) {
	t.Parallel()
	status := func(n int, body string) *vbctest.Fault { return &vbctest.Fault{Status: n, Body: body} }
	for name, c := range map[string]struct {
		fault  *vbctest.Fault
		shrink bool
	}{
		"400":               {status(400, `{"msg":"too many","status":400}`), true},
		"413":               {status(413, ""), true},
		"414":               {status(414, ""), true},
		"500":               {status(500, "oops"), true},
		"502":               {status(502, "<html>"), true},
		"503":               {status(503, ""), true},
		"504":               {status(504, `{"fault":{"code":101504,"message":"Timeout"}}`), true},
		"breaks off":        {status(200, `{"_embedded":{"recordings":[{"id":1},`), true},
		"suspended":         {status(503, `{"fault":{"code":303001,"message":"suspended"}}`), false},
		"forbidden":         {status(403, `{"msg":"no","status":403}`), false},
		"not found":         {status(404, `{"msg":"no","status":404}`), false},
		"a web page":        {status(200, "<html>Sign in"), false},
		"another 500's end": {status(501, ""), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, cl := start(t, vbctest.Config{})
			a.Generate(300, day, time.Hour)
			var well atomic.Bool
			tooMuch := func(r *http.Request) bool {
				n, _ := strconv.Atoi(r.URL.Query().Get("page_size"))
				return n > 50 && !well.Load()
			}
			a.Inject(func(r *http.Request) *vbctest.Fault {
				if tooMuch(r) {
					return c.fault
				}
				return nil
			})
			l := cl.List(vbc.Query{Kind: vbc.Company, Account: "self", PageSize: 200})
			n := 0
			var last error
			for page, err := range l.Pages(t.Context(), again(cl, 1)) {
				n, last = n+len(page), err
			}
			if !c.shrink {
				if last == nil || n != 0 || a.Counts().ByKind[vbctest.List] != 1 {
					t.Errorf("%d listed in %d requests, %v", n, a.Counts().ByKind[vbctest.List], last)
				}
				return
			}
			if last != nil || n != 300 || l.Missing() != 0 || l.PageSize() > 50 || !cl.PagesRefused() {
				t.Errorf("%d listed, missing %d, %v; pages of %d", n, l.Missing(), last, l.PageSize())
			}
			// The next ones begin with what was learned, and find the way back.
			well.Store(true)
			for range 40 {
				if size := cl.List(vbc.Query{PageSize: 200}).PageSize(); size == 200 {
					break
				}
				listAll(t, cl, vbc.Query{PageSize: 200})
			}
			if size := cl.List(vbc.Query{PageSize: 200}).PageSize(); size != 200 {
				t.Errorf("pages of %d long after the trouble", size)
			}
			if size := cl.List(vbc.Query{PageSize: 7}).PageSize(); size != 7 {
				t.Errorf("pages of %d where 7 are asked for", size)
			}
		})
	}
}

// A page that fails in the middle is asked for in smaller ones from where it
// was, and pages that grow again leave nothing out, wherever they count from.
func TestPagesChangeTheirSizeOnTheWay(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]vbctest.Config{
		"from 1": {}, "from 0": {FirstPageZero: true}, "from 0, unasked from 1": {FirstPageZero: true, DefaultPageOne: true}, "at most 30": {MaxPageSize: 30}, "no count": framed(func(m, _ map[string]any) { delete(m, "total_items") }),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, cl := start(t, cfg)
			a.Generate(1500, day, time.Hour)
			requests := 0
			a.Inject(func(r *http.Request) *vbctest.Fault {
				if !strings.HasSuffix(r.URL.Path, "call_recordings") {
					return nil
				}
				if requests++; requests == 4 {
					return &vbctest.Fault{Status: 504}
				}
				return nil
			})
			l := cl.List(vbc.Query{Kind: vbc.Company, Account: "self", PageSize: 100})
			seen := map[int64]bool{}
			for page, err := range l.Pages(t.Context(), again(cl, 1)) {
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range page {
					seen[r.ID] = true
				}
			}
			if len(seen) != 1500 || l.Missing() != 0 || requests > 80 {
				t.Errorf("%d listed, missing %d, %s, in %d requests", len(seen), l.Missing(), l.Contradiction(), requests)
			}
		})
	}
}

// What never comes, however small the pages are, ends, and the error says that
// smaller ones were tried.
func TestPagesThatNeverCome(t *testing.T) {
	t.Parallel()
	a, cl := start(t, vbctest.Config{})
	a.Inject(func(r *http.Request) *vbctest.Fault {
		if r.URL.Path == "/token" {
			return nil
		}
		return &vbctest.Fault{Status: 504}
	})
	var last error
	for _, err := range cl.List(vbc.Query{Kind: vbc.Company, Account: "self"}).Pages(t.Context(), again(cl, 2)) {
		last = err
	}
	if n := a.Counts().ByKind[vbctest.List]; n != 4 || last == nil || !strings.Contains(last.Error(), "pages of 10") {
		t.Errorf("%d requests, %v", n, last)
	}
	if size := cl.List(vbc.Query{}).PageSize(); size != vbc.DefaultPageSize || cl.PagesRefused() {
		t.Errorf("pages of %d were learned from a server that is down", size)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range cl.List(vbc.Query{Kind: vbc.Company, Account: "self"}).Pages(ctx, again(cl, 2)) {
		last = err
	}
	if last == nil {
		t.Error("it goes on after cancellation")
	}
}

// Pages that were tried larger again, in vain, go back to what has worked, and not
// to the smallest: a listing of a large account would take for ever.
func TestPagesGoBackToWhatHasWorked(t *testing.T) {
	t.Parallel()
	a, cl := start(t, vbctest.Config{})
	a.Generate(6000, day, time.Minute)
	a.Inject(func(r *http.Request) *vbctest.Fault {
		if n, _ := strconv.Atoi(r.URL.Query().Get("page_size")); n > 100 {
			return &vbctest.Fault{Status: 504}
		}
		return nil
	})
	n := listAll(t, cl, vbc.Query{PageSize: 1000})
	if requests := a.Counts().ByKind[vbctest.List]; len(n) != 6000 || requests > 135 {
		t.Errorf("%d listed with %d requests", len(n), requests)
	}
}

// Pages that became smaller on the way are counted as the server counts them.
func TestSmallerPagesAreNoContradiction(t *testing.T) {
	t.Parallel()
	a, cl := start(t, vbctest.Config{})
	a.Generate(604, day, time.Minute)
	var requests atomic.Int64
	a.Inject(func(r *http.Request) *vbctest.Fault {
		if n, _ := strconv.Atoi(r.URL.Query().Get("page_size")); n > 10 && requests.Add(1) > 4 {
			return &vbctest.Fault{Status: 504}
		}
		return nil
	})
	l := cl.List(vbc.Query{Kind: vbc.Company, Account: "self", PageSize: 100})
	n := 0
	for page, err := range l.Pages(t.Context(), again(cl, 1)) {
		if err != nil {
			t.Fatal(err)
		}
		n += len(page)
	}
	if n != 604 || l.Missing() != 0 || l.Contradiction() != "" {
		t.Errorf("%d listed, %d missing, %s", n, l.Missing(), l.Contradiction())
	}
}
