//go:build unix

package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/vbcvault/vbcvault/pipeline/check"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres"
	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres/postgrestest"
	"github.com/vbcvault/vbcvault/pipeline/progress"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage/dirstore"
	"github.com/vbcvault/vbcvault/storage/storagetest/wire"
	"github.com/vbcvault/vbcvault/vbc"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// twoMachines have one database, one archive and one account, which knows from which of
// them a DELETE comes.
type twoMachines struct {
	t       *testing.T
	account *vbctest.Account
	store   *dirstore.Store
	key     string
	deletes [2]atomic.Int64
	api     [2]string
}

func newTwoMachines(t *testing.T) *twoMachines {
	key, err := receipt.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	store, err := dirstore.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	two := &twoMachines{t: t, account: vbctest.New(vbctest.Config{}), store: store, key: key.Secret()}
	for i := range two.api {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodDelete {
				two.deletes[i].Add(1)
			}
			two.account.ServeHTTP(w, r)
		}))
		t.Cleanup(server.Close)
		two.api[i] = server.URL
	}
	return two
}

// open opens the manifest as soon as nobody else has its lease.
func (two *twoMachines) open(path string, more ...postgres.Option) *postgres.Manifest {
	two.t.Helper()
	all := append([]postgres.Option{postgres.WithKey(two.key), postgres.WithLease(2 * time.Second)}, more...)
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		m, err := postgres.Open(two.t.Context(), path, all...)
		if err == nil {
			return m
		}
		if !errors.Is(err, manifest.ErrLocked) || time.Now().After(end) {
			two.t.Fatal(err)
		}
	}
}

// run is a run of one machine.
func (two *twoMachines) run(i int, m Manifest, o Options) (Summary, error) {
	client, err := vbc.New(vbc.Options{URL: two.api[i], Username: "admin", Password: "correct horse", ClientID: "client", ClientSecret: "secret"})
	if err != nil {
		two.t.Error(err)
		return Summary{}, err
	}
	o.Account, o.Cutoff, o.Workers, o.SpoolDir, o.Pauses = "self", time.Now().AddDate(0, -3, 0), 1, two.t.TempDir(), []time.Duration{time.Millisecond}
	return Run(context.Background(), Parts{VBC: client, Store: two.store, Manifest: m, Log: slog.New(slog.DiscardHandler), Stats: &progress.Stats{}}, o)
}

// A machine stands still, cut off from the database, between its intent and the DELETE.
// Another one takes over: what was being deleted it regards as undetermined, asks VBC,
// and deletes with an intent of its own; and a hold that has come meanwhile counts. When
// the first one goes on it sends no DELETE and writes nothing. The receipts say under
// which lease each was written.
func TestTakeOverBetweenIntentAndDelete(t *testing.T) {
	t.Parallel()
	two := newTwoMachines(t)
	old := time.Now().AddDate(-1, 0, 0).Truncate(time.Second)
	two.account.Add(vbctest.Recording{ID: 1, Start: old, Size: 9000}, vbctest.Recording{ID: 2, Start: old.Add(time.Hour), Size: 9000})
	database := postgrestest.New(t)
	address, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	line := wire.New(t, address.Host)
	address.Host = line.Address()

	look, err := pgxpool.New(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer look.Close()
	var once atomic.Bool
	still, goOn := make(chan struct{}), make(chan struct{})
	first := two.open(postgrestest.Named(address.String(), "m"), postgres.WithMachine("a"), postgres.WithCommits(func(commit func() error) error {
		err := commit()
		var begun bool
		e := look.QueryRow(context.Background(), "SELECT EXISTS (SELECT FROM vbcvault.recording WHERE state = 'purging')").Scan(&begun)
		if e == nil && begun && once.CompareAndSwap(false, true) { // it was the intent's
			line.Stall()
			close(still)
			<-goOn
		}
		return err
	}))
	type outcome struct {
		sum Summary
		err error
	}
	if sum, err := two.run(0, first, Options{}); err != nil || sum.Archived != 2 {
		t.Fatalf("%+v, %v", sum, err)
	}
	ended := make(chan outcome, 1)
	go func() {
		sum, err := two.run(0, first, Options{Delete: true})
		ended <- outcome{sum, err}
	}()
	<-still

	second := two.open(postgrestest.Named(database, "m"), postgres.WithMachine("b"))
	defer second.Close()
	if _, err := second.AddHold(t.Context(), manifest.Hold{IDs: []int64{2}, Reason: "r", By: "b"}); err != nil {
		t.Fatal(err)
	}
	sum, err := two.run(1, second, Options{Delete: true})
	if err != nil || sum.Deleted != 1 || two.deletes[1].Load() != 1 {
		t.Errorf("who takes over: %+v, %v, %d DELETEs", sum, err, two.deletes[1].Load())
	}
	close(goOn)
	line.Cut()
	if got := <-ended; !isA[*manifest.LeaseError](got.err) || two.deletes[0].Load() != 0 {
		t.Errorf("who stood still: %+v, %v, %d DELETEs", got.sum, got.err, two.deletes[0].Load())
	}
	_ = first.Close() // what isn't its own it can't give back

	if two.account.Has("company", 0, 1) || !two.account.Has("company", 0, 2) {
		t.Error("what is held is gone, or the rest isn't")
	}
	fences := map[int64]map[receipt.Type]int{}
	for text, err := range second.Receipts(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		var e receipt.Entry
		if err := json.Unmarshal(text, &e); err != nil {
			t.Fatal(err)
		}
		if fences[e.Fence] == nil {
			fences[e.Fence] = map[receipt.Type]int{}
		}
		fences[e.Fence][e.Type]++
	}
	a, err := check.Audit(t.Context(), second, two.store)
	if err != nil || !a.Intact() || a.Open != 0 || a.Deleted != 1 || a.Leases != 2 || a.LastLease.Fence != 2 {
		t.Errorf("%+v, %v", a, err)
	}
	if fences[1][receipt.Intent] != 1 || fences[1][receipt.Result] != 0 || fences[2][receipt.Intent] != 1 || fences[2][receipt.Result] == 0 {
		t.Errorf("receipts by lease: %v", fences)
	}
}
