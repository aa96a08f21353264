//go:build unix

package main_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/storage/storagetest/wire"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

var (
	fleetRounds     = flag.Int("fleet.rounds", 0, "rounds of trouble for TestMachines in place of one of each, with three machines and more accounts; make fleet has 30")
	fleetAccounts   = flag.Int("fleet.accounts", 60, "accounts, with -fleet.rounds")
	fleetRecordings = flag.Int("fleet.recordings", 20_000, "recordings of all accounts, with -fleet.rounds")
	fleetLease      = flag.Duration("fleet.lease", 10*time.Second, "how long a lease lasts, with -fleet.rounds")
	fleetSeed       = flag.Uint64("fleet.seed", 0, "which random numbers, 0 = others each time")
)

// trouble is what goes wrong with one machine, or with the server that all share. It
// returns when it has ended; lasts is longer than a lease.
type trouble struct {
	name string
	do   func(s *machines, m *machine, lasts time.Duration)
	hits bool // the machine's process ends
}

func onLine(which func(*machine) *wire.Line, spoil func(*wire.Line)) func(*machines, *machine, time.Duration) {
	return func(_ *machines, m *machine, lasts time.Duration) {
		l := which(m)
		spoil(l)
		time.Sleep(lasts)
		l.Mend()
	}
}

func toVBC(m *machine) *wire.Line  { return m.toVBC }
func toS3(m *machine) *wire.Line   { return m.toS3 }
func toData(m *machine) *wire.Line { return m.toData }

var troubles = []trouble{
	{"SIGKILL", func(_ *machines, m *machine, _ time.Duration) { m.kill(); m.start() }, true},
	{"SIGKILL and nobody starts it again for a while", func(_ *machines, m *machine, lasts time.Duration) { m.kill(); time.Sleep(lasts); m.start() }, true},
	{"SIGSTOP past the end of its leases", func(_ *machines, m *machine, lasts time.Duration) {
		m.signalIt(syscall.SIGSTOP)
		time.Sleep(lasts)
		m.signalIt(syscall.SIGCONT)
	}, false},
	{"SIGSTOP for a moment", func(_ *machines, m *machine, lasts time.Duration) {
		m.signalIt(syscall.SIGSTOP)
		time.Sleep(lasts / 4)
		m.signalIt(syscall.SIGCONT)
	}, false},
	{"PostgreSQL is restarted", func(s *machines, _ *machine, _ time.Duration) { s.server.Stop(s.t, "fast"); s.server.Again(s.t) }, false},
	{"PostgreSQL crashes", func(s *machines, _ *machine, _ time.Duration) { s.server.Stop(s.t, "immediate"); s.server.Again(s.t) }, false},
	{"the line to the database stalls", onLine(toData, (*wire.Line).Stall), false},
	{"the line to the database is cut", onLine(toData, (*wire.Line).Cut), false},
	{"the line to S3 stalls", onLine(toS3, (*wire.Line).Stall), false},
	{"the line to S3 is cut", onLine(toS3, (*wire.Line).Cut), false},
	{"the line to VBC stalls", onLine(toVBC, (*wire.Line).Stall), false},
	{"the line to VBC is cut", onLine(toVBC, (*wire.Line).Cut), false},
}

// Several machines work on the same accounts, and everything goes wrong that can. Nothing
// is lost; no DELETE is sent without a fresh proof, or by a machine whose lease is over, or
// past a hold, or for what VBC has deleted already; nearly nothing is asked for twice. And
// when the trouble is over, everything is done, and the second run leaves nothing.
func TestMachines(t *testing.T) {
	t.Parallel()
	notShort(t, "it stops and starts several machines")
	n, accounts, recordings, lease, latency := 2, 6, 150, 4*time.Second, 200*time.Millisecond
	rounds, workers := len(troubles)/2, 1 // others each time
	if *fleetRounds > 0 {
		n, accounts, recordings, lease, latency = 3, *fleetAccounts, *fleetRecordings, *fleetLease, 250*time.Millisecond
		rounds, workers = *fleetRounds, 3
	}
	seed := *fleetSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	s := newMachines(t, n, accounts, recordings/accounts, lease, workers, func(i int) vbctest.Config {
		cfg := vbctest.Config{Latency: latency}
		if i%6 == 5 { // some have few requests
			cfg.Quota, cfg.QuotaWindow = 8, 2*time.Second
		}
		return cfg
	})
	defer s.showLogs()
	for _, m := range s.all {
		m.start()
	}
	stopAsking := s.keepAsking()
	s.eventually("something is deleted", func() bool { return s.left() < recordings/accounts*accounts })
	stopHolding := s.keepHolding(random.Uint64())
	order := random.Perm(len(troubles))
	killed := 0
	for round := range rounds {
		if s.left() <= s.heldBack() {
			t.Logf("everything is done after %d rounds", round)
			break
		}
		one, m := troubles[order[round%len(troubles)]], s.all[random.IntN(n)]
		if one.hits {
			killed++
		}
		t.Logf("%v, %d left: %s, %s", time.Since(s.begun).Round(100*time.Millisecond), s.left(), m.name, one.name)
		one.do(s, m, lease+time.Duration(random.Int64N(int64(lease/2))))
		s.standing()
	}
	stopHolding()
	for s.left() > s.heldBack() { // however slow this machine is
		before := s.left()
		s.eventually("something more is done", func() bool { s.standing(); return s.left() < before })
	}
	stopAsking()
	s.judge()
	s.nothingIsLost()
	for _, m := range s.all {
		if code := m.ends(); code != 0 {
			t.Errorf("%s ends with exit code %d", m.name, code)
		}
	}
	s.endsClean()
	s.downloadedOnce(killed)
}

// keepAsking has somebody ask for runs of accounts that aren't done, until it is stopped:
// the schedule would do so once a minute.
func (s *machines) keepAsking() (stop func()) {
	end := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		for at := 0; ; at++ {
			if a := s.accounts[at%len(s.accounts)]; len(a.Recordings()) > s.heldOf(a) {
				_ = s.direct("run", a.name).Run() // it may be in progress, or there may be no database just now
			}
			select {
			case <-end:
				return
			case <-time.After(s.lease / 10):
			}
		}
	})
	return sync.OnceFunc(func() { close(end); all.Wait() })
}

// standing starts machines again that have ended by themselves. One that doesn't find its
// database when it starts may; none may later.
func (s *machines) standing() {
	s.t.Helper()
	for _, m := range s.all {
		if m.ended() {
			if log := m.logs[len(m.logs)-1].String(); strings.Contains(log, "is ready") {
				s.t.Errorf("%s has ended by itself:\n%s", m.name, log)
			}
			m.start()
		}
	}
}

// keepHolding adds a hold now and then, of a recording that VBC still has, until it is
// stopped.
func (s *machines) keepHolding(seed uint64) (stop func()) {
	random := rand.New(rand.NewPCG(seed, 1))
	end := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		for {
			select {
			case <-end:
				return
			case <-time.After(s.lease / 2):
			}
			a := s.accounts[random.IntN(len(s.accounts))]
			there := a.Recordings()
			if len(there) < 2 {
				continue
			}
			id := there[random.IntN(len(there))].ID
			for held := false; !held; { // what fails may be in force, or may not
				r := s.finish(s.withoutFile("hold", "add", "--account", fmt.Sprint(a.number), "--id", fmt.Sprint(id), "--reason", "a matter", "--by", "counsel", "--wait", "0s"))
				held = r.code == 0 || strings.Contains(r.stdout, "is in force") || r.code == 2
				if held && r.code != 2 { // 2: it has no manifest yet
					s.holds.add(a.of(id))
				}
			}
		}
	})
	return sync.OnceFunc(func() { close(end); all.Wait() })
}

// heldBack is how many of the recordings that VBC still has are held.
func (s *machines) heldBack() (n int) {
	for _, a := range s.accounts {
		n += s.heldOf(a)
	}
	return n
}

// heldOf is how many of an account.
func (s *machines) heldOf(a *hosted) (n int) {
	s.holds.Lock()
	defer s.holds.Unlock()
	for _, r := range a.Recordings() {
		if _, is := s.holds.since[a.of(r.ID)]; is {
			n++
		}
	}
	return n
}

// endsClean fails unless the second run after all trouble ends with exit code 0, and has
// nothing left to do, and audits find nothing.
func (s *machines) endsClean() {
	s.t.Helper()
	s.beside("archive", "--all", "--json")
	r := s.beside("archive", "--all", "--json")
	if r.code != 0 || r.summary["archived"] != 0.0 || r.summary["deleted"] != 0.0 {
		s.t.Errorf("the second run after the trouble: exit %d, %v", r.code, r.summary)
	}
}

// downloadedOnce fails if recordings were downloaded more than once, but for what was in
// flight when machines were killed.
func (s *machines) downloadedOnce(killed int) {
	s.t.Helper()
	downloads, had := 0, 0
	for _, a := range s.accounts {
		had += len(a.had)
		for _, r := range a.Log() {
			if r.Kind == vbctest.Audio && r.Status == http.StatusOK {
				downloads++
			}
		}
	}
	most := had + had/20
	if *fleetRounds == 0 {
		most = had + 2*len(troubles)*18 // of so few, what is in flight in each trouble is many
	}
	if downloads > most {
		s.t.Errorf("%d downloads of %d recordings, want %d at most; %d processes were killed", downloads, had, most, killed)
	}
}
