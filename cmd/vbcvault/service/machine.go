package service

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/riverqueue/river"

	"github.com/vbcvault/vbcvault/pipeline/moment"
)

// machine is this process among those that share a state. Each says again and again that
// it lives, by the database's clock; one that doesn't for Pauses.Lost is lost, and the
// others take its work up. What keeps two from one manifest is not this but its lease.
type machine struct {
	instance string // of this process alone; River's client has it as its id
	home     string // of its state directory, also after a restart
	name     string
	version  string
	state    *state
	lives    database // connections that nobody else uses
	log      *slog.Logger
	lost     time.Duration
	clock    func() time.Time // this machine's own, which may be wrong

	mu      sync.Mutex
	beaten  moment.Moment // when it was last said to live, with success
	ahead   time.Duration // of the database's clock, by which ours is
	said    string        // the configurations of others that differ, which the log has
	drain   bool
	alive   int  // machines, with this one
	current bool // no other machine has read another configuration since
}

// MachineFile is the file in a state directory that says which machine's it is.
const MachineFile = "service.machine"

// newMachine takes a state directory for this process; its lock is state's. Earlier
// processes of the same directory are gone, since it is locked.
func newMachine(ctx context.Context, s *state, o Options) (*machine, error) {
	home, err := homeOf(o.StateDir)
	if err != nil {
		return nil, err
	}
	m := &machine{instance: strings.ToLower(rand.Text()), home: home, lives: s.db, name: o.Shared.Machine, version: o.Version, state: s, log: o.Log, lost: o.Pauses.orUsual().Lost, clock: o.clock}
	if m.clock == nil {
		m.clock = time.Now
	}
	if o.Shared.Lives != nil {
		m.lives.DB = o.Shared.Lives
	}
	if _, err := s.db.ExecContext(ctx, "DELETE FROM main.machine WHERE home = ? OR until < clock_timestamp() - interval '1 day'", home); err != nil {
		return nil, fmt.Errorf("end earlier processes of this machine: %w", err)
	}
	return m, m.beat(ctx, o.Config.Digest, places(o.Config))
}

// homeOf is the word in a state directory that names it among all.
func homeOf(dir string) (string, error) {
	path := filepath.Join(dir, MachineFile)
	b, err := os.ReadFile(path)
	if err == nil && len(strings.TrimSpace(string(b))) > 0 {
		return strings.TrimSpace(string(b)), nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read which machine this is: %w", err)
	}
	home := strings.ToLower(rand.Text())
	if err := os.WriteFile(path, []byte(home+"\n"), 0o600); err != nil { // one that a crash leaves empty is as good as none
		return "", fmt.Errorf("write which machine this is: %w", err)
	}
	return home, nil
}

// queue is the one of what goes on in this process.
func (m *machine) queue() string { return ownQueue + m.instance }

// configure has River hand out what is for this machine, and go by the database's time.
// River takes another clock for tests only, but needs it here: it puts jobs off by its
// own, and a machine whose clock is wrong would have them wait for as long, or not at all.
func (m *machine) configure(c *river.Config) {
	c.ID, c.Test.Time = m.instance, m
	c.RescueStuckJobsAfter = 24 * time.Hour // whoever is lost is noticed before
}

// beat says that this process lives, and learns what others have said to it.
func (m *machine) beat(ctx context.Context, config string, places int) error {
	asked, before := moment.Now(), m.clock()
	var now int64
	var drain bool
	err := m.lives.QueryRowContext(ctx, `INSERT INTO main.machine AS m (instance, home, name, version, places, config, config_since, until, ahead)
		VALUES (?, ?, ?, ?, ?, ?, coalesce((SELECT min(o.config_since) FROM main.machine o WHERE o.config = ? AND o.until > clock_timestamp()), clock_timestamp()),
			clock_timestamp() + ?::bigint * interval '1 millisecond', ?)
		ON CONFLICT (instance) DO UPDATE SET places = excluded.places, config = excluded.config, seen = clock_timestamp(), until = excluded.until, ahead = excluded.ahead,
			config_since = CASE WHEN m.config = excluded.config THEN m.config_since ELSE excluded.config_since END
		RETURNING drain, (extract(epoch FROM clock_timestamp()) * 1000)::bigint`,
		m.instance, m.home, m.name, m.version, places, config, config, m.lost.Milliseconds(), m.Ahead().Milliseconds()).Scan(&drain, &now)
	if err != nil {
		return fmt.Errorf("say that this machine lives: %w", err)
	}
	took := m.clock().Sub(before)
	ahead := before.Add(took / 2).Sub(time.UnixMilli(now)).Round(time.Millisecond)
	if ahead.Abs() <= took {
		ahead = 0 // nobody can tell
	}
	others, newest, alive, err := m.others(ctx, config)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	const far = 5 * time.Second
	if ahead.Abs() > far && m.ahead.Abs() <= far {
		m.log.Error("this machine's clock differs from the database's; the service goes by the database's; set this machine's clock, and keep it right with NTP",
			"ahead_of_database", ahead.Round(time.Second).String(), "machine", m.name)
	}
	if drain != m.drain {
		m.log.Warn("somebody has asked this machine to hand its work over, or to work again", "machine", m.name, "hands_over", drain)
	}
	if others != m.said && others != "" {
		m.log.Error("machines have different configurations: the one that was read last holds, and a machine with another one begins nothing; give all the same file, and send SIGHUP or restart",
			"machine", m.name, "this", config, "others", others, "holds", newest)
	}
	m.beaten, m.ahead, m.drain, m.said, m.current, m.alive = asked, ahead, drain, others, newest == config, alive
	return nil
}

// others are the machines with another configuration than this one, for people, and
// newest the configuration that was read last; alive is how many machines there are.
func (m *machine) others(ctx context.Context, config string) (others, newest string, alive int, err error) {
	found, err := m.lives.QueryContext(ctx, "SELECT name, config FROM main.machine WHERE until > clock_timestamp() ORDER BY config_since DESC, config, name")
	if err != nil {
		return "", "", 0, fmt.Errorf("see which machines there are: %w", err)
	}
	defer found.Close()
	var all []string
	for ; found.Next(); alive++ {
		var name, has string
		if err := found.Scan(&name, &has); err != nil {
			return "", "", 0, fmt.Errorf("see which machines there are: %w", err)
		}
		if alive == 0 {
			newest = has
		}
		if has != config {
			all = append(all, name+": "+has)
		}
	}
	return strings.Join(all, ", "), newest, alive, found.Err()
}

// machineOf is what people call the machine whose queue a job is in, "" if it is nobody's.
func (c *Control) machineOf(ctx context.Context, tx txn, queue string) (name string, err error) {
	instance, is := strings.CutPrefix(queue, ownQueue)
	if !is {
		return "", nil
	}
	err = tx.QueryRowContext(ctx, "SELECT name FROM main.machine WHERE instance = ?", instance).Scan(&name)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return name, err
}

// anybody reports whether any machine serves.
func (s *state) anybody(ctx context.Context) (is bool, err error) {
	err = s.db.QueryRowContext(ctx, "SELECT count(*) > 0 FROM main.machine WHERE until > clock_timestamp()").Scan(&is)
	if err != nil {
		return false, fmt.Errorf("see which machines there are: %w", err)
	}
	return is, nil
}

// live says that this process lives until ctx ends.
func (m *machine) live(ctx context.Context, now func() (config string, places int)) {
	for failed := false; ; {
		wait := m.lost / 4
		if failed {
			wait = min(wait/4, time.Second)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		brief, cancel := context.WithTimeout(ctx, m.lost/4)
		config, places := now()
		err := m.beat(brief, config, places)
		cancel()
		if err != nil && ctx.Err() == nil && !failed {
			m.log.Error("the database can't be told that this machine lives; after a while, others take up its work", "reason", err)
		}
		failed = err != nil
	}
}

// mayBegin reports whether this process may take work: it is known to live, isn't to hand
// over, and has the configuration that holds.
func (m *machine) mayBegin() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return !m.drain && m.current && m.beaten.Age() < m.lost*2/3
}

// drains reports whether it is to hand its work over.
func (m *machine) drains() bool {
	if m == nil {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.drain
}

// ran notes that an account's work was done here last.
func (m *machine) ran(ctx context.Context, account string) error {
	if m == nil {
		return nil
	}
	_, err := m.state.db.ExecContext(ctx, "INSERT INTO main.ran (account, home) VALUES (?, ?) ON CONFLICT (account) DO UPDATE SET home = excluded.home", account, m.home)
	if err != nil {
		return fmt.Errorf("write where work is done: %w", err)
	}
	return nil
}

// Ahead is how much this machine's clock is ahead of the database's.
func (m *machine) Ahead() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ahead
}

// Standing is how this machine stands among those that share a state, as it knows itself.
type Standing struct {
	Serves     bool // it may begin work
	Machines   int  // that are alive, with this one
	Places     int
	InProgress int
	ClockAhead time.Duration // of the database's
}

// IsShared reports whether the state is one that several machines share.
func (s *Service) IsShared() bool { return s.machine != nil }

// Standing asks nobody. It is for a service whose state is shared.
func (s *Service) Standing() Standing {
	is := Standing{Serves: s.machine.mayBegin(), ClockAhead: s.machine.Ahead(), InProgress: s.underWay()}
	s.mu.Lock()
	is.Places = places(s.config)
	s.mu.Unlock()
	s.machine.mu.Lock()
	defer s.machine.mu.Unlock()
	is.Machines = s.machine.alive
	return is
}

// leave takes this process out, and hands over what it had.
func (m *machine) leave(ctx context.Context) error {
	return m.state.change(ctx, func(tx txn) error {
		if _, err := tx.ExecContext(ctx, "UPDATE main.river_job SET queue = ?, scheduled_at = least(scheduled_at, clock_timestamp()) WHERE queue = ? AND state IN ('available', 'scheduled', 'retryable')",
			workQueue, m.queue()); err != nil {
			return fmt.Errorf("hand over what this machine had: %w", err)
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM main.machine WHERE instance = ?", m.instance); err != nil {
			return fmt.Errorf("hand over what this machine had: %w", err)
		}
		return nil
	})
}

// Now is the database's time, as well as this process knows it; time.Now for one machine.
func (m *machine) Now() time.Time {
	if m == nil {
		return time.Now()
	}
	return m.clock().Add(-m.Ahead())
}

// NowOrNil is part of River's idea of a clock: nil has it ask the database where it can.
func (m *machine) NowOrNil() *time.Time { return nil }

// share works together with other machines until ended is called, which hands over what
// this one still has.
func (s *Service) share(ctx context.Context) (ended func() error) {
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	var all sync.WaitGroup
	all.Go(func() {
		s.machine.live(working, func() (string, int) {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.config.Digest, places(s.config)
		})
	})
	all.Go(func() { s.keepTaking(working) })
	return func() error {
		stop()
		all.Wait()
		brief, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.machine.lost/4)
		defer cancel()
		return s.machine.leave(brief)
	}
}
