// Package place opens a manifest wherever it lies: in a file of SQLite, or in a database
// of PostgreSQL, which several machines may share. All that follows asks no more where
// that was.
//
// A place is what --manifest takes: the path of a file, or an address such as
//
//	postgres://USER@HOST/DATABASE?manifest=NAME
//
// An address has no password in it: others can read flags, logs and configuration files.
// A manifest in a file has its signing key beside it, unless one is given; one in a
// database is always given its key.
package place

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
)

// Options change how a manifest is opened. Each is used where it means something.
type Options struct {
	Key     Secret // signs receipts, as receipt.Key.Secret has it; nil or "" = the file beside the manifest
	Program string // the version that a manifest is said to be made, upgraded or run by
	Cache   int    // bytes that each connection to a file keeps in memory; 0 = as SQLite does

	// Password is the database's, and is asked for only when one is opened. nil or "": as
	// libpq finds it (PGPASSWORD, a file of passwords, certificates), if one is needed.
	Password func() (string, error)
	Machine  string        // what leases call this machine, for people
	Lease    time.Duration // how long a lease in a database lasts; 0 = manifest.LeaseFor. All who share it must agree
}

// Secret is a text that package fmt doesn't show.
type Secret func() string

// Hide is the secret with this text.
func Hide(text string) Secret { return func() string { return text } }

func (o Options) key() string {
	if o.Key == nil {
		return ""
	}
	return o.Key()
}

func (o Options) sqlite() []sqlite.Option {
	return []sqlite.Option{sqlite.WithKey(o.key()), sqlite.WithCache(o.Cache), sqlite.WithProgram(o.Program)}
}

func (o Options) postgres() ([]postgres.Option, error) {
	all := []postgres.Option{postgres.WithKey(o.key()), postgres.WithProgram(o.Program), postgres.WithMachine(o.Machine)}
	if o.Lease > 0 {
		all = append(all, postgres.WithLease(o.Lease))
	}
	if o.Password != nil {
		password, err := o.Password()
		if err != nil {
			return nil, err
		}
		all = append(all, postgres.WithPassword(password))
	}
	return all, nil
}

// Open opens a manifest for a run, and makes it if there is none. Until Close nobody else
// can: a file is locked by the operating system, and of a database this program has the
// manifest's lease. The error is manifest.ErrLocked (wrapped) if another run has it, and a
// *manifest.MovedError if another manifest has taken its place.
func Open(ctx context.Context, path string, o Options) (manifest.Opened, error) {
	m, err := openForMove(ctx, path, o)
	return notMoved(ctx, m, err)
}

// openForMove is Open also of a manifest whose place another one has taken.
func openForMove(ctx context.Context, path string, o Options) (manifest.Opened, error) {
	return opened(ctx, path, o, sqlite.Open, postgres.Open)
}

// OpenBeside opens an existing manifest for what may be changed while a run has it open,
// such as a hold. The error is fs.ErrNotExist (wrapped) if there is none, and a
// *manifest.MovedError if another manifest has taken its place.
func OpenBeside(ctx context.Context, path string, o Options) (manifest.Opened, error) {
	m, err := opened(ctx, path, o, sqlite.OpenBeside, postgres.OpenBeside)
	return notMoved(ctx, m, err)
}

// notMoved closes a manifest whose place another one has taken, and says so.
func notMoved(ctx context.Context, m manifest.Opened, err error) (manifest.Opened, error) {
	if err != nil {
		return nil, err
	}
	to, err := m.Successor(ctx)
	if err == nil && to != "" {
		err = &manifest.MovedError{Path: m.Path(), To: to}
	}
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

// OpenReadOnly opens an existing manifest without changing it, also while a run uses it.
// The error is fs.ErrNotExist (wrapped) if there is none.
func OpenReadOnly(ctx context.Context, path string, o Options) (manifest.Opened, error) {
	return opened(ctx, path, o, sqlite.OpenReadOnly, postgres.OpenReadOnly)
}

func opened(ctx context.Context, path string, o Options,
	file func(context.Context, string, ...sqlite.Option) (*sqlite.Manifest, error),
	database func(context.Context, string, ...postgres.Option) (*postgres.Manifest, error),
) (manifest.Opened, error) {
	if !postgres.Is(path) {
		m, err := file(ctx, path, o.sqlite()...)
		if err != nil {
			return nil, err
		}
		return m, nil
	}
	with, err := o.database(path)
	if err != nil {
		return nil, err
	}
	m, err := database(ctx, path, with...)
	if err != nil {
		return nil, err
	}
	return m, nil
}

// database are the options for a database, whose password isn't asked for before its
// address is fit.
func (o Options) database(path string) ([]postgres.Option, error) {
	if err := Check(path); err != nil {
		return nil, err
	}
	return o.postgres()
}

// Filled is a manifest that is only being made.
type Filled interface {
	manifest.Opened
	manifest.Filling
	manifest.Filled
}

// Create makes a manifest that comes into being whole or not at all: fill writes it, and
// it is there when fill has returned nil. What a crash leaves until then, the next Create
// begins anew. The error is fs.ErrExist (wrapped) if something is at path, ErrLocked if a
// run, or another Create, is using it.
func Create(ctx context.Context, path string, fill func(Filled) error, o Options) error {
	if !postgres.Is(path) {
		return sqlite.Create(ctx, path, func(m *sqlite.Manifest) error { return fill(m) }, o.sqlite()...)
	}
	with, err := o.database(path)
	if err != nil {
		return err
	}
	return postgres.Create(ctx, path, func(m *postgres.Manifest) error { return fill(m) }, with...)
}

// InUse reports whether a run, or another command that changes it as a run does, is using
// a manifest. What doesn't exist isn't in use.
func InUse(ctx context.Context, path string, o Options) (bool, error) {
	if !postgres.Is(path) {
		return sqlite.InUse(path)
	}
	with, err := o.database(path)
	if err != nil {
		return false, err
	}
	return postgres.InUse(ctx, path, with...)
}

// Missing reports whether err means that there is no manifest yet.
func Missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// ErrPassword says that an address has a password in it, where others can read it.
var ErrPassword = postgres.ErrPassword

// ErrUnnamed says that an address names a database, and no manifest in it.
var ErrUnnamed = errors.New("the address of the database names no manifest")

// Check says what is wrong with a path that somebody has written, before anything is
// opened or asked: it is ErrPassword, ErrUnnamed, or that it can't be read. What it says
// has no password in it.
func Check(path string) error {
	if !postgres.Is(path) {
		if strings.Contains(path, "://") {
			return errors.New("this is neither a file nor the address of a database of PostgreSQL")
		}
		return nil
	}
	at, err := postgres.Parse(path)
	if err == nil && at.Name == "" {
		err = ErrUnnamed
	}
	return err
}

// Fit says why a manifest can't lie at path, such as on a network file system.
func Fit(path string) error {
	if postgres.Is(path) {
		return Check(path)
	}
	return sqlite.Place(path)
}

// InDatabase reports whether a manifest lies in a database.
func InDatabase(path string) bool { return postgres.Is(path) }

// extension is that of files with manifests that have a name of their own.
const extension = ".manifest"

// Name is what a manifest is called where there are several: the file without directory
// and extension, or the name in the database.
func Name(path string) string {
	if postgres.Is(path) {
		at, err := postgres.Parse(path)
		if err != nil {
			return ""
		}
		return at.Name
	}
	return strings.TrimSuffix(filepath.Base(path), extension)
}
