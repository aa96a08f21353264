package pipeline

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/progress"
	"github.com/vbcvault/vbcvault/pipeline/refusal"
	"github.com/vbcvault/vbcvault/vbc"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// A page that is too large times out, and the gateway suspends the whole API for
// it for a while: then VBC has been out of order each time, and the page is asked
// for in smaller ones all the same.
func TestLargePageThatSuspendsEverything(t *testing.T) {
	t.Parallel()
	account := vbctest.New(vbctest.Config{})
	account.Generate(60, time.Now().AddDate(-1, 0, 0), time.Minute)
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	var mu sync.Mutex
	requests, closed := 0, 0
	account.Inject(func(r *http.Request) *vbctest.Fault {
		if isTokenRequest(r) {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		if requests++; requests > 200 {
			cancel(&refusal.Refusal{Reason: "it never ends"})
		}
		n, _ := strconv.Atoi(r.URL.Query().Get("page_size"))
		switch {
		case closed > 0:
			closed--
			return &vbctest.Fault{Status: 503, Body: `{"fault":{"code":303001,"type":"Status report","message":"Runtime Error","description":"Currently, Address endpoint : [ Name : VBC ] [ State : SUSPENDED ]"}}`}
		case n > 50:
			closed = 6
			return &vbctest.Fault{Status: 504, Body: `{"fault":{"code":101504,"type":"Status report","message":"Runtime Error","description":"Send timeout"}}`}
		}
		return nil
	})
	server := httptest.NewServer(account)
	defer server.Close()
	client, err := vbc.New(vbc.Options{URL: server.URL, Username: "admin", Password: "correct horse", ClientID: "client", ClientSecret: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	r := newRun(Parts{VBC: client, Log: slog.New(slog.DiscardHandler), Stats: &progress.Stats{}}, Options{Account: "self", Cutoff: time.Now(), Pauses: []time.Duration{time.Microsecond, 50 * time.Microsecond}})
	r.gate.limit = time.Hour // of this machine's slowness
	listed := 0
	for page, err := range r.vbc.List(vbc.Query{Kind: vbc.Company, Account: "self", PageSize: 100}).Pages(ctx, r.attempt) {
		if err != nil {
			t.Fatalf("%v after %d requests", err, requests)
		}
		listed += len(page)
	}
	if listed != 60 || requests > 60 {
		t.Errorf("%d listed with %d requests", listed, requests)
	}
}

func isTokenRequest(r *http.Request) bool { return r.URL.Path == "/token" }
