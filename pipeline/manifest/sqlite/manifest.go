// Package sqlite keeps a manifest in a file of SQLite, in WAL mode with
// synchronous=FULL: what a method has returned nil for survives a crash of the
// machine. One goroutine writes, many callers at once share its commits. An OS
// lock beside the file keeps a second run out.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"
	_ "modernc.org/sqlite" // the driver

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage/ownership"
)

// Manifest is an open manifest. Its methods may be called concurrently.
type Manifest struct {
	path     string
	lock     *flock.Flock // nil when opened without it
	reads    *sql.DB
	writes   *sql.DB
	queue    chan write
	stopped  chan struct{}
	account  string   // "" until bound
	creating bool     // within Create
	unkeyed  bool     // within CreateCopy
	cache    int      // bytes of each connection's page cache; 0 = SQLite's own 2 MiB
	known    sync.Map // of reads: text → *sql.Stmt

	commits func(commit func() error) error // nil, or what WithCommits gave
	program string                          // what WithProgram gave

	key      receipt.Key // none until it is needed, or was made
	keyFile  string
	givenKey func() string // what WithKey gave, "" = nothing: package fmt would show a string

	callers struct { // that holds on a caller cover, by how that one is written
		sync.Mutex
		of map[string]coveredBy
	}

	ended struct { // uploads, and that isn't written down yet
		sync.Mutex
		uploads []manifest.Upload
	}
}

// Open opens the manifest at path, creating it (0600, its directory 0700) if
// need be, and locks it until Close. Whatever links lead to it, there is one lock.
func Open(ctx context.Context, path string, options ...Option) (*Manifest, error) {
	if err := Place(path); err != nil {
		return nil, err
	}
	if err := ownership.Fit(path); err != nil {
		return nil, fmt.Errorf("open manifest: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("open manifest: %w", err)
	}
	path, err := resolve(path)
	if err != nil {
		return nil, fmt.Errorf("open manifest: %w", err)
	}
	lock := flock.New(path+".lock", flock.SetPermissions(0o600))
	if ok, err := lock.TryLock(); err != nil {
		return nil, fmt.Errorf("lock manifest %s: %w", path, err)
	} else if !ok {
		return nil, fmt.Errorf("%w: %s", manifest.ErrLocked, path)
	}
	touch(path + ".lock")
	m, err := open(ctx, path, lock, options)
	if err != nil {
		lock.Close()
		return nil, fmt.Errorf("open manifest %s: %w", path, err)
	}
	if !m.unkeyed {
		err = m.pinKey(ctx)
	}
	if err == nil {
		err = m.beginWriting(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open manifest %s: %w", path, err), m.Close())
	}
	return m, nil
}

// beginWriting starts the goroutine that writes.
func (m *Manifest) beginWriting(ctx context.Context) error {
	conn, err := m.writes.Conn(ctx)
	if err != nil {
		return err
	}
	m.queue, m.stopped = make(chan write), make(chan struct{})
	go m.writer(&writes{conn: conn, known: map[string]*sql.Stmt{}}, m.queue)
	return nil
}

// Option changes how a manifest is opened.
type Option func(*Manifest)

// WithCommits has f called in place of each commit: it may carry it out or
// not, and fail or not. Tests see with it what a crash leaves behind.
func WithCommits(f func(commit func() error) error) Option {
	return func(m *Manifest) { m.commits = f }
}

// WithCache has each connection to the file, of which there are up to five, keep at
// most so many bytes of it in memory, for whoever has many manifests open at once.
func WithCache(bytes int) Option {
	return func(m *Manifest) { m.cache = bytes }
}

// WithProgram has a manifest that is created, upgraded or opened for a run say which
// version of the program did so: programs that are too old for it name that one. Commands
// beside a run leave it as it is.
func WithProgram(version string) Option {
	return func(m *Manifest) { m.program = version }
}

// InUse reports whether a run, or another command that changes it, is using the
// manifest at path.
func InUse(path string) (bool, error) {
	path, err := resolve(path)
	if err != nil {
		return false, fmt.Errorf("check whether the manifest is in use: %w", err)
	}
	if _, err := os.Stat(path + ".lock"); errors.Is(err, fs.ErrNotExist) {
		return false, nil // and none is made: this one may be another user than the next run's
	}
	lock := flock.New(path+".lock", flock.SetPermissions(0o600))
	free, err := lock.TryLock()
	if err != nil {
		return false, fmt.Errorf("check whether manifest %s is in use: %w", path, err)
	}
	return !free, lock.Close()
}

// InUse is the function of that name, of this manifest.
func (m *Manifest) InUse(context.Context) (bool, error) { return InUse(m.path) }

// OpenReadOnly opens an existing manifest without locking or changing it, also
// while a run is using it. The error is fs.ErrNotExist (wrapped) if there is none.
func OpenReadOnly(ctx context.Context, path string, options ...Option) (*Manifest, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("open manifest: %w", err)
	}
	m, err := open(ctx, path, nil, options)
	if err != nil {
		return nil, fmt.Errorf("open manifest %s: %w", path, err)
	}
	return m, nil
}

func open(ctx context.Context, path string, lock *flock.Flock, options []Option) (_ *Manifest, err error) {
	m := &Manifest{path: path, lock: lock, keyFile: KeyFile(path), givenKey: func() string { return "" }}
	if at, err := resolve(path); err == nil {
		m.keyFile = KeyFile(at)
	}
	for _, o := range options {
		o(m)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, m.closeFiles())
		}
	}()
	if lock != nil {
		// SQLite would create the file readable for everybody.
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return nil, err
		}
		f.Close()
		if m.writes, err = sql.Open("sqlite", m.dsn("rw")); err != nil {
			return nil, err
		}
		m.writes.SetMaxOpenConns(1)
		if err := prepare(ctx, m.writes, path, false, m.program); err != nil {
			return nil, err
		}
		if _, err := m.writes.ExecContext(ctx, lockedIndex); err != nil {
			return nil, err
		}
	}
	if m.reads, err = sql.Open("sqlite", m.dsn("ro")); err != nil {
		return nil, err
	}
	m.reads.SetMaxOpenConns(4)
	if m.cache != 0 {
		m.reads.SetMaxIdleConns(1) // each connection holds the schema, too
	}
	if err := prepare(ctx, m.reads, path, true, m.program); err != nil {
		return nil, err
	}
	m.account, err = m.meta(ctx, "account")
	return m, err
}

// waitBusy is how long a change waits for another program's.
const waitBusy = 10 * time.Second

func (m *Manifest) dsn(mode string) string {
	name := dsn(m.path, mode, waitBusy)
	if m.cache > 0 {
		name += fmt.Sprintf("&_pragma=cache_size(-%d)", m.cache>>10)
	}
	return name
}

func dsn(path, mode string, wait time.Duration) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		abs = path
	}
	if abs = filepath.ToSlash(abs); !strings.HasPrefix(abs, "/") {
		abs = "/" + abs // a drive letter
	}
	q := url.Values{"mode": {mode}, "_pragma": {fmt.Sprintf("busy_timeout(%d)", wait.Milliseconds()), "synchronous(FULL)", "temp_store(MEMORY)"}}
	if mode == "rw" {
		q.Add("_pragma", "journal_mode(WAL)")
		q.Set("_txlock", "immediate")
	}
	return (&url.URL{Scheme: "file", Path: abs, RawQuery: q.Encode()}).String()
}

// Close ends the manifest's use and releases the lock. All writes that were
// reported as done are on disk.
func (m *Manifest) Close() error {
	if m.queue != nil {
		close(m.queue)
		<-m.stopped
		m.queue = nil
	}
	err := m.closeFiles()
	if m.lock != nil {
		err = errors.Join(err, m.lock.Close())
	}
	return err
}

func (m *Manifest) closeFiles() error {
	var errs []error
	for _, s := range m.known.Range {
		errs = append(errs, s.(*sql.Stmt).Close())
	}
	for _, db := range []*sql.DB{m.reads, m.writes} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

// Path is where the manifest lies.
func (m *Manifest) Path() string { return m.path }

func (m *Manifest) meta(ctx context.Context, key string) (value string, err error) {
	err = m.reads.QueryRowContext(ctx, "SELECT value FROM meta WHERE key = ?", key).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return value, err
}

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
	err = m.do(ctx, func(tx txn) error {
		for name, value := range settings {
			if _, err := tx.Exec("INSERT INTO meta (key, value) VALUES (?, ?)", name, value); err != nil {
				return writeError(err)
			}
		}
		return nil
	})
	if err == nil && b.Account != "" {
		m.account = b.Account
	}
	return err
}

// Missing reports whether err means that there is no manifest yet.
func Missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }

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
	_ manifest.Manifest = (*Manifest)(nil)
	_ manifest.Filling  = (*Manifest)(nil)
)

// Lease lasts until Close: it is the operating system's lock. Readers and who is beside a
// run have no DELETE to send.
func (m *Manifest) Lease() manifest.Lease { return manifest.Lock }

var _ manifest.Opened = (*Manifest)(nil)
