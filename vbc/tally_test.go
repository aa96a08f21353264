package vbc

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// What VBC is asked is counted by its answers: logins too, what it never answers too,
// and not what was never sent, or goes to where it has redirected to.
func TestRequestsAreCounted(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "audio/mpeg")
		_, _ = w.Write([]byte("ID3"))
	}))
	defer elsewhere.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPost:
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"access_token":"t","expires_in":86400}`))
		case r.Method == http.MethodDelete:
			w.WriteHeader(http.StatusNoContent)
		case strings.HasSuffix(r.URL.Path, "/2"):
			panic(http.ErrAbortHandler)
		case strings.HasSuffix(r.URL.Path, "/3"):
			w.WriteHeader(http.StatusTooManyRequests)
		default:
			http.Redirect(w, r, elsewhere.URL, http.StatusFound)
		}
	}))
	defer server.Close()
	c, err := New(Options{URL: server.URL, Username: "u", Password: "p", ClientID: "c", ClientSecret: "s"})
	if err != nil {
		t.Fatal(err)
	}
	want := func(after string, want map[string]int64) {
		t.Helper()
		if diff := cmp.Diff(want, c.Requests()); diff != "" {
			t.Error(after + diff)
		}
	}
	want("nothing", nil)
	remove := func(last error) {
		slot, err := c.Slot(t.Context(), RankPurge)
		if err != nil {
			t.Fatal(err)
		}
		defer slot.Release()
		_, _ = slot.Delete(t.Context(), Recording{Kind: Company, Account: "1", ID: 7}, func() error { return last })
	}
	remove(errors.New("refused"))
	want("a DELETE that was not sent", map[string]int64{"200": 1})
	remove(nil)
	want("a DELETE", map[string]int64{"200": 1, "204": 1})
	for id, code := range map[int64]string{1: "302", 2: NoAnswer} {
		before := c.Requests()
		fetch(t, c, id)
		before[code]++
		want(fmt.Sprint("recording ", id), before)
	}
	fetch(t, c, 3)
	want("all", map[string]int64{"200": 1, "204": 1, "302": 1, NoAnswer: 1, "429": 1})
}

// fetch asks for a recording's audio, whatever comes.
func fetch(t *testing.T, c *Client, id int64) {
	t.Helper()
	slot, err := c.Slot(t.Context(), RankFetch)
	if err != nil {
		t.Fatal(err)
	}
	if audio, err := slot.Audio(t.Context(), Recording{Kind: Company, Account: "1", ID: id, DownloadURL: fmt.Sprint("/", id)}); err == nil {
		_ = audio.Close()
	}
}

// How long requests wait is added up: of those that gave up, too.
func TestWaitsAreAddedUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPacer(6*time.Second, slog.New(slog.DiscardHandler))
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				if granted, err := p.wait(t.Context(), RankFetch); err == nil {
					p.ended(granted)
				}
			})
		}
		all.Wait()
		if got := p.quota().Waited; got != (0+6+12+18)*time.Second {
			t.Errorf("%v", got)
		}
	})
}
