// Package postgres keeps manifests in a database of PostgreSQL, many in one, so that
// several machines may archive, and any of them may go on where another one stopped.
//
// Every table has the manifest's number, account, first in its key, and in every
// statement that number is $1: what carries statements out puts it there. Whoever writes
// one begins with $2.
//
// # One order of changes
//
// Each transaction that changes something locks the manifest's row of lease first. That
// gives the order which SQLite has by its one writer: a hold that was added is seen by
// every intent that follows, and a machine whose lease is over changes nothing. A run's
// changes are committed together as they come, see commit.go; the lease is in lease.go.
//
// Nothing here needs a session of its own: connections may go through PgBouncer with
// transaction pooling. There are no LISTEN, no session locks, no prepared statements
// with names, and reads hold no connection while their rows are looked at.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// Manifest is an open manifest. Its methods may be called concurrently.
type Manifest struct {
	place    Place
	db       *pool
	account  int64  // its number in the database
	number   string // of the account at VBC, "" until bound
	lease    *lease // nil when it was opened beside a run, or for reading
	queue    chan write
	stopped  chan struct{}
	batch    string // the writer's: the mark of its last commit
	creating bool   // within Create

	options

	ended struct { // uploads, and that isn't written down yet
		sync.Mutex
		uploads []manifest.Upload
	}
}

type options struct {
	commits  func(commit func() error) error // nil, or what WithCommits gave
	program  string
	machine  string
	leaseFor time.Duration
	look     int           // how many calls a search looks at first
	few      int           // how many rows a way of a search must have not to be taken
	givenKey func() string // what WithKey gave, "" = nothing: package fmt would show a string
	password func() string // the same of WithPassword
}

// Option changes how a manifest is opened.
type Option func(*options)

// WithCommits has f called in place of each commit: it may carry it out or
// not, and fail or not. Tests see with it what a crash leaves behind.
func WithCommits(f func(commit func() error) error) Option {
	return func(o *options) { o.commits = f }
}

// WithProgram has a database that is made or upgraded say which version of the program
// did so.
func WithProgram(version string) Option { return func(o *options) { o.program = version } }

// WithMachine is what the lease calls this machine, for people.
func WithMachine(name string) Option { return func(o *options) { o.machine = name } }

// WithLease has leases last so long instead of manifest.LeaseFor, with everything else in
// proportion. All programs that share a database must agree; it is for tests.
func WithLease(d time.Duration) Option { return func(o *options) { o.leaseFor = d } }

// WithKey is the signing key, as receipt.Key.Secret has it; "" is none.
func WithKey(secret string) Option {
	return func(o *options) { o.givenKey = func() string { return secret } }
}

// WithPassword is the database's, where no other source that libpq knows has it.
func WithPassword(secret string) Option {
	return func(o *options) { o.password = func() string { return secret } }
}

func decided(all []Option) options {
	none := func() string { return "" }
	o := options{leaseFor: manifest.LeaseFor, look: firstLook, few: fewest, givenKey: none, password: none}
	for _, option := range all {
		option(&o)
	}
	return o
}

// Open opens a manifest for a run: it makes the tables and the manifest if there are
// none, and takes its lease until Close. The error is manifest.ErrLocked (wrapped) if
// another run has that.
func Open(ctx context.Context, path string, options ...Option) (*Manifest, error) {
	m, err := connect(ctx, path, options)
	if err != nil {
		return nil, err
	}
	err = m.prepare(ctx, true)
	if err == nil {
		err = m.find(ctx, true)
	}
	if err == nil {
		m.lease, err = takeLease(ctx, m)
	}
	if err == nil {
		m.beginWriting()
		err = m.pinKey(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open manifest %s: %w", m.place, explained(err)), m.Close())
	}
	return m, nil
}

// OpenBeside opens an existing manifest for what may be changed while a run has it open,
// such as a hold. The error is fs.ErrNotExist (wrapped) if there is none, and
// manifest.ErrUnbound (wrapped) if no run has bound it to an account yet.
func OpenBeside(ctx context.Context, path string, options ...Option) (*Manifest, error) {
	m, err := OpenReadOnly(ctx, path, options...)
	if err != nil {
		return nil, err
	}
	if m.number == "" {
		return nil, errors.Join(fmt.Errorf("%w: %s", manifest.ErrUnbound, m.place), m.Close())
	}
	m.beginWriting()
	return m, nil
}

// OpenReadOnly opens an existing manifest without changing it, also while a run is using
// it. The error is fs.ErrNotExist (wrapped) if there is none.
func OpenReadOnly(ctx context.Context, path string, options ...Option) (*Manifest, error) {
	m, err := connect(ctx, path, options)
	if err != nil {
		return nil, err
	}
	if err = m.prepare(ctx, false); err == nil {
		err = m.find(ctx, false)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open manifest %s: %w", m.place, explained(err)), m.Close())
	}
	return m, nil
}

// connect is a manifest of which nothing is known yet.
func connect(ctx context.Context, path string, all []Option) (*Manifest, error) {
	place, err := Parse(path)
	if err != nil {
		return nil, fmt.Errorf("open manifest: %w", err)
	}
	m := &Manifest{place: place, options: decided(all)}
	if m.db, err = pooled(ctx, place, m.password()); err != nil {
		return nil, fmt.Errorf("open manifest %s: %w", place, err)
	}
	return m, nil
}

var errNoName = errors.New("the address says no manifest=NAME")

// find finds the manifest by its name, or makes it.
func (m *Manifest) find(ctx context.Context, orMake bool) error {
	if m.place.Name == "" {
		return errNoName
	}
	err := anew(func() error {
		return m.db.QueryRow(ctx, "SELECT id FROM vbcvault.account WHERE name = $1", m.place.Name).Scan(&m.account)
	})
	switch {
	case errors.Is(err, pgx.ErrNoRows) && orMake:
		if _, err = m.findKey(""); err == nil { // else it would be one that no run can use
			err = m.make(ctx)
		}
	case errors.Is(err, pgx.ErrNoRows):
		return fs.ErrNotExist
	}
	if err == nil {
		m.number, err = m.meta(ctx, "account")
	}
	return err
}

// make makes the manifest, which somebody else may do at the same time.
func (m *Manifest) make(ctx context.Context) error {
	return pgx.BeginFunc(ctx, m.db, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO vbcvault.account (name) VALUES ($1) ON CONFLICT DO NOTHING", m.place.Name)
		if err == nil {
			err = tx.QueryRow(ctx, "SELECT id FROM vbcvault.account WHERE name = $1", m.place.Name).Scan(&m.account)
		}
		if err == nil {
			_, err = tx.Exec(ctx, "INSERT INTO vbcvault.lease (account) VALUES ($1) ON CONFLICT DO NOTHING", m.account)
		}
		if err == nil {
			err = newChain(&txn{ctx: ctx, tx: tx, m: m})
		}
		return err
	})
}

// Close ends the manifest's use, and gives the lease back. All writes that were reported
// as done are durable.
func (m *Manifest) Close() error {
	if m.queue != nil {
		close(m.queue)
		<-m.stopped
		m.queue = nil
	}
	var err error
	if m.lease != nil {
		err = m.lease.giveBack()
		m.lease = nil
	}
	if m.db != nil {
		m.db.release()
		m.db = nil
	}
	return err
}

// Path says where it lies, as --manifest takes it: without a password.
func (m *Manifest) Path() string { return m.place.String() }

// InUse reports whether a run, or another command that changes it as a run does, has the
// lease of a manifest. What doesn't exist isn't in use.
func InUse(ctx context.Context, path string, options ...Option) (is bool, err error) {
	m, err := OpenReadOnly(ctx, path, options...)
	if Missing(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	is, err = m.InUse(ctx)
	return is, errors.Join(err, m.Close())
}

// InUse is the function of that name, of this manifest.
func (m *Manifest) InUse(ctx context.Context) (is bool, err error) {
	err = m.row(ctx, "SELECT until > clock_timestamp() FROM vbcvault.lease WHERE account = $1").Scan(&is)
	return is, err
}

// Missing reports whether err means that there is no manifest yet.
func Missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }

func (m *Manifest) meta(ctx context.Context, key string) (value string, err error) {
	err = m.row(ctx, "SELECT value FROM vbcvault.meta WHERE account = $1 AND key = $2", key).Scan(&value)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	return value, err
}

// setMeta writes a setting down, in place of what it was.
const setMeta = "INSERT INTO vbcvault.meta (account, key, value) VALUES ($1, $2, $3) ON CONFLICT (account, key) DO UPDATE SET value = excluded.value"

// Binding says what the manifest is bound to.
func (m *Manifest) Binding(ctx context.Context) (b manifest.Binding, err error) {
	for key, to := range map[string]*string{"account": &b.Account, "destination": &b.Destination, "identity": &b.Identity} {
		if *to, err = m.meta(ctx, key); err != nil {
			return manifest.Binding{}, fmt.Errorf("read manifest: %w", err)
		}
	}
	return b, nil
}

// Bind binds the manifest for good to what b names; empty fields bind
// nothing. It is a *BoundError if it is bound to something else already.
func (m *Manifest) Bind(ctx context.Context, b manifest.Binding) error {
	bound, err := m.Binding(ctx)
	if err != nil {
		return err
	}
	settings, err := bound.With(b)
	if err != nil || len(settings) == 0 {
		return err
	}
	err = m.do(ctx, func(tx *txn) error {
		for name, value := range settings {
			if _, err := tx.Exec("INSERT INTO vbcvault.meta (account, key, value) VALUES ($1, $2, $3)", name, value); err != nil {
				return writeError(err)
			}
		}
		return nil
	})
	if err == nil && b.Account != "" {
		m.number = b.Account
	}
	return err
}

// Lease is the manifest's; of one that wasn't opened for a run, none that is held.
func (m *Manifest) Lease() manifest.Lease {
	if m.lease == nil {
		return unleased{m.place.Name}
	}
	return m.lease
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

var (
	_ manifest.Opened  = (*Manifest)(nil)
	_ manifest.Filling = (*Manifest)(nil)
)
