package main_test

import (
	"database/sql"
	"fmt"
	"net/http"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// One service has two hundred accounts, each with new recordings, some of them large,
// and fifty of them in work at the same moment: none of the first fifty deletes anything
// before all of them are about to. That takes no more than fifty accounts
// do.
func TestTwoHundredAccounts(t *testing.T) {
	t.Parallel()
	needsPeak(t)
	notShort(t, "runs 200 accounts")
	const accounts, atOnce, most = 200, 50, 220 << 20
	f := newFleet(t, accounts, func(w *world) { w.inS3(nil).built() }, nil)
	f.defaults = append(f.defaults, `schedule: {cron: "17 2 1 1 *", time-zone: UTC}`)
	f.head = fmt.Sprintf("accounts-at-once: %d\n", atOnce)
	for i, m := range f.members {
		if i%10 == 0 {
			m.Add(vbctest.Recording{ID: 77, Kind: vbctest.Company, Start: time.Now().UTC().Truncate(time.Second).AddDate(-2, 0, 0), Size: 6 << 20}) // two parts
		}
	}
	f.write()
	f.dueNow(accounts)

	cmd := f.command("serve", "--config", f.file, "--log-level", "warn")
	log := &saidSoFar{}
	cmd.Stderr = log
	var peak atomic.Int64
	var together, done sync.WaitGroup
	together.Add(atOnce)
	first := make(chan struct{}, atOnce)
	for _, m := range f.members {
		arrived := sync.OnceFunc(func() {
			select {
			case first <- struct{}{}:
				together.Done()
			default: // its turn comes later
			}
		})
		once := map[string]func(){} // by id: a DELETE that waits here for long may be sent again
		for _, rec := range m.Recordings() {
			done.Add(1)
			once[fmt.Sprint(rec.ID)] = sync.OnceFunc(done.Done)
		}
		m.Inject(func(r *http.Request) *vbctest.Fault {
			if isDelete(r) {
				arrived()
				together.Wait()
				peak.Store(max(peak.Load(), peakMemory(f.process(cmd))))
				once[path.Base(r.URL.Path)]()
			}
			return nil
		})
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	all := make(chan struct{})
	go func() { done.Wait(); close(all) }()
	select {
	case <-all:
	case err := <-ended:
		t.Fatalf("the service has ended: %v\n%s", err, log)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("%v\n%s", err, log)
	}
	for _, m := range f.members {
		if n := len(m.Recordings()); n > 0 {
			t.Errorf("%s: %d recordings are still there", m.name, n)
		}
	}
	t.Logf("peak: %d MiB", peak.Load()>>20)
	if n := peak.Load(); n == 0 || n > most {
		t.Errorf("%d MiB resident, want at most %d", n>>20, most>>20)
	}
}

// dueNow starts the service for a moment, and makes its work of so many accounts due.
func (f *fleet) dueNow(accounts int) {
	f.t.Helper()
	stop := f.serves()
	for n := 0; n < accounts; {
		n = strings.Count(f.run("jobs", "--config", f.file, "--json").stdout, `"kind":"archive"`)
	}
	stop(syscall.SIGTERM)
	db, err := sql.Open("sqlite", filepath.Join(f.state, "service.db"))
	if err == nil {
		_, err = db.Exec("UPDATE schedule SET memory = json_set(memory, '$.until', ?), next = 1 WHERE kind = 'archive'",
			time.Now().UTC().AddDate(-1, -1, 0).Format(time.RFC3339)) // as if it had been off for a year
	}
	if err == nil {
		err = db.Close()
	}
	if err != nil {
		f.t.Fatal(err)
	}
}
