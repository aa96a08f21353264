//go:build unix

package postgres_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres"
	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres/postgrestest"
)

// machine is what one machine has open of a database: connections that it shares with no
// other.
func machine(t *testing.T, db string, n int) *postgres.Common {
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
	return c
}

// Changes of a quota follow one another: what two machines add at once is all there. And
// what nobody changes stays.
func TestQuotaLosesNoChange(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	var all sync.WaitGroup
	for n := range 4 {
		q := machine(t, db, n).Quota("a\x00 group")
		all.Go(func() {
			for range 25 {
				err := q.Change(t.Context(), func(kept string, _ time.Time) string {
					var n int
					if _, err := fmt.Sscanf(kept, `{"n": %d}`, &n); err != nil && kept != "{}" {
						t.Errorf("%q: %v", kept, err)
					}
					return fmt.Sprintf(`{"n": %d}`, n+1)
				})
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	c := machine(t, db, 9)
	err := c.Quota("a\x00 group").Change(t.Context(), func(kept string, now time.Time) string {
		if kept != `{"n": 100}` {
			t.Errorf("%s after a hundred changes", kept)
		}
		return ""
	})
	if err != nil {
		t.Fatal(err)
	}
	groups, now, err := c.Quotas(t.Context())
	if err != nil || len(groups) != 1 || groups[0].Changed.After(now) || groups[0].Name != "a\ufffd group" {
		t.Errorf("%+v, %v, %v", groups, now, err)
	}
}
