//go:build unix

package pipeline

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres"
	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres/postgrestest"
	"github.com/vbcvault/vbcvault/vbc"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// quotaOf is a quota as one machine has it: by connections that it shares with no other.
func quotaOf(t *testing.T, db string, n int) vbc.SharedQuota {
	t.Helper()
	sep := "?"
	if strings.Contains(db, "?") {
		sep = "&"
	}
	c, err := postgres.OpenCommon(t.Context(), fmt.Sprintf("%s%sapplication_name=machine%d", db, sep, n))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c.Quota("group")
}

// Three machines have one quota, and each asks as fast as it may: together they keep to
// it, and use all of it, although one more has got a turn and stands still.
func TestThreeMachinesKeepOneQuota(t *testing.T) {
	t.Parallel() // it mostly waits
	const every, perWindow, window = 100 * time.Millisecond, 20, 2 * time.Second
	account := vbctest.New(vbctest.Config{Quota: perWindow, QuotaWindow: window})
	server := httptest.NewServer(account)
	defer server.Close()
	db := postgrestest.New(t)
	client := func(n int) *vbc.Client {
		c, err := vbc.New(vbc.Options{URL: server.URL, Username: "admin", Password: "correct horse", ClientID: "client", ClientSecret: "secret",
			Interval: every * 102 / 100, Quota: quotaOf(t, db, n)})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	if _, err := client(0).Slot(t.Context(), vbc.RankPurge); err != nil { // which is never used, nor given back
		t.Fatal(err)
	}
	wanted := int64(50)
	if os.Getenv("VBCVAULT_TESTS") == "all" {
		wanted = 600
	}
	var done, refused atomic.Int64
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	begun := time.Now()
	var all sync.WaitGroup
	for n := range 3 {
		c := client(n + 1)
		for range 2 {
			all.Go(func() {
				for ctx.Err() == nil {
					slot, err := c.Slot(ctx, vbc.RankList)
					if err != nil {
						if ctx.Err() == nil {
							t.Error(err)
						}
						return
					}
					_, err = slot.Exists(ctx, vbc.Recording{Kind: vbc.Company, Account: "549825", ID: 1})
					if e := vbc.AsError(err); e != nil && e.Throttled() {
						refused.Add(1)
					} else if done.Add(1) >= wanted {
						stop()
					}
				}
			})
		}
	}
	all.Wait()
	took := time.Since(begun)
	t.Logf("%d requests in %v, %d refused: %.0f %% of the quota used", done.Load(), took, refused.Load(),
		100*float64(done.Load()+3)*float64(every)/float64(took)) // 3 for tokens
	if n := refused.Load(); float64(n) >= 0.02*float64(done.Load()) {
		t.Errorf("%d of %d requests were refused", n, done.Load())
	}
	hot(t, db, "quota")
}

// hot sees to it that all updates of a table were HOT: nothing grows, and no index is
// written to.
func hot(t *testing.T, db, table string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	var updated, hot, pages int64
	for deadline := time.Now().Add(20 * time.Second); updated == 0 && time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		err = conn.QueryRow(t.Context(), `SELECT n_tup_upd, n_tup_hot_upd, pg_relation_size(relid) / current_setting('block_size')::bigint
			FROM pg_stat_user_tables WHERE schemaname = 'vbcvault' AND relname = $1`, table).Scan(&updated, &hot, &pages)
		if err != nil {
			t.Fatal(err)
		}
	}
	if updated == 0 || hot < updated*95/100 || pages > 3 { // a reader may keep a version for a moment
		t.Errorf("%d updates, of which %d were HOT, on %d pages", updated, hot, pages)
	}
}
