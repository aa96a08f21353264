//go:build unix

package main_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/vbcvault/vbcvault/pipeline/evidence"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// measured is what a moment that was measured at the other end of a line may be later than
// what happened, on a machine that is busy.
const measured = time.Second

// watchLeases has the database keep what becomes of its leases.
func (s *machines) watchLeases() {
	s.t.Helper()
	s.tell(`CREATE TABLE public.lease_log (at timestamptz, account bigint, fence bigint, holder text, machine text, until timestamptz)`,
		`CREATE FUNCTION public.log_lease() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			INSERT INTO public.lease_log VALUES (clock_timestamp(), NEW.account, NEW.fence, NEW.holder, NEW.machine, NEW.until); RETURN NULL; END $$`,
		`CREATE TRIGGER log_lease AFTER UPDATE ON vbcvault.lease FOR EACH ROW WHEN (OLD.until IS DISTINCT FROM NEW.until OR OLD.fence <> NEW.fence) EXECUTE FUNCTION public.log_lease()`)
}

// tell carries out statements in the database.
func (s *machines) tell(statements ...string) {
	s.t.Helper()
	conn, err := pgx.Connect(context.Background(), s.database)
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close(context.Background())
	for _, text := range statements {
		if _, err := conn.Exec(context.Background(), text); err != nil {
			s.t.Fatalf("%s: %v", text, err)
		}
	}
}

// tenure is the right of one machine to an account, as the database has granted it.
type tenure struct {
	at, until time.Time
	fence     int64
	machine   string
}

// tenures are those of each account, by its number, in their order.
func (s *machines) tenures() map[string][]tenure {
	s.t.Helper()
	conn, err := pgx.Connect(s.t.Context(), s.database)
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close(context.Background())
	rows, err := conn.Query(s.t.Context(), `SELECT m.value, l.at, CASE WHEN isfinite(l.until) THEN l.until ELSE l.at END, l.fence, l.machine
		FROM public.lease_log l JOIN vbcvault.meta m ON m.account = l.account AND m.key = 'account' ORDER BY l.at`)
	if err != nil {
		s.t.Fatal(err)
	}
	all := map[string][]tenure{}
	for rows.Next() {
		var number string
		var one tenure
		if err := rows.Scan(&number, &one.at, &one.until, &one.fence, &one.machine); err != nil {
			s.t.Fatal(err)
		}
		all[number] = append(all[number], one)
	}
	if err := rows.Err(); err != nil {
		s.t.Fatal(err)
	}
	return all
}

// at is the last of tenures that was granted before a moment.
func at(all []tenure, moment time.Time) (last tenure) {
	for _, one := range all {
		if one.at.After(moment) {
			break
		}
		last = one
	}
	return last
}

// held are the holds that were added while machines worked, each when the command that
// added it had ended, and had said nothing of deletions that were under way.
type held struct {
	sync.Mutex
	since map[string]time.Time
}

func (h *held) add(what string) {
	h.Lock()
	defer h.Unlock()
	if h.since == nil {
		h.since = map[string]time.Time{}
	}
	h.since[what] = time.Now()
}

// judge says what was wrong with each DELETE that a machine has sent.
func (s *machines) judge() {
	s.t.Helper()
	tenures := s.tenures()
	keys := map[string]string{}    // of what the audio's
	gone := map[string]time.Time{} // what VBC has deleted, and when it was asked
	total, refused, downloads := 0, 0, 0
	for i, a := range s.accounts {
		for _, r := range a.had {
			keys[a.of(r.ID)] = fmt.Sprintf("calls/%d/%s", i, a.key(r))
		}
		for _, r := range a.Log() {
			if r.Kind == vbctest.Delete && r.Status == 204 {
				gone[fmt.Sprintf("%d/%s", a.number, r.Path[strings.LastIndexByte(r.Path, '/')+1:])] = r.At
			}
			if r.Kind == vbctest.Audio && r.Status == 200 {
				downloads++
			}
		}
		c := a.Counts()
		total, refused = total+c.Total, refused+c.Throttled
	}
	deletes := 0
	for _, m := range s.all {
		m.mu.Lock()
		for _, d := range m.deletes {
			deletes++
			number, _, _ := strings.Cut(d.what, "/")
			if had := at(tenures[number], d.at); had.machine != m.name || had.until.Before(d.at.Add(-measured)) {
				s.t.Errorf("%s has sent a DELETE of %s at %v, and the lease of its account was fence %d of %q until %v", m.name, d.what, d.at, had.fence, had.machine, had.until)
			}
			if !m.proved(keys[d.what], d.at) {
				s.t.Errorf("%s has sent a DELETE of %s at %v without a proof that was newer than %v", m.name, d.what, d.at, evidence.Fresh)
			}
			if since, is := s.holds.since[d.what]; is && d.at.After(since) {
				s.t.Errorf("%s has sent a DELETE of %s at %v, which has been held since %v", m.name, d.what, d.at, since)
			}
			if before, is := gone[d.what]; is && d.at.After(before.Add(measured)) {
				s.t.Errorf("%s has sent a DELETE of %s at %v, which VBC had carried out at %v", m.name, d.what, d.at, before)
			}
		}
		m.mu.Unlock()
	}
	s.t.Logf("%d requests, %d refused (%.2f %%), %d downloads, %d DELETEs sent, %d carried out", total, refused, 100*float64(refused)/float64(max(1, total)), downloads, deletes, len(gone))
	if refused*50 > total {
		s.t.Errorf("%d of %d requests were refused, which are more than 2 %%", refused, total)
	}
}

// proved reports whether the machine had asked the store for an object, less than
// evidence.Fresh before a moment.
func (m *machine) proved(key string, moment time.Time) bool {
	for _, asked := range m.proofs[key] {
		if age := moment.Sub(asked); age >= -measured && age <= evidence.Fresh+measured {
			return key != ""
		}
	}
	return false
}

func (a *hosted) of(id int64) string { return fmt.Sprintf("%d/%d", a.number, id) }

func (a *hosted) key(r vbctest.Recording) string {
	return strings.Replace(key(r, "mp3"), "549825", fmt.Sprint(a.number), 1)
}

// nothingIsLost fails unless each recording is at VBC, or whole in the bucket: it is read.
func (s *machines) nothingIsLost() {
	s.t.Helper()
	for i, a := range s.accounts {
		for _, r := range a.had {
			if a.Has(r.Kind, r.User, r.ID) {
				continue
			}
			b, err := os.ReadFile(s.s3.Path(s.bucket, fmt.Sprintf("calls/%d/%s", i, a.key(r))))
			if sum := sha256.Sum256(b); err != nil || storage.Digest(sum) != storage.Digest(r.SHA256()) {
				s.t.Errorf("a recording is lost: %s: %v, %d bytes", a.of(r.ID), err, len(b))
			}
		}
	}
}
