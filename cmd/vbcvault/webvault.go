package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"sync"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/holding"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/web"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/place"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/s3store"
)

// webConnections is how many connections to a bucket the page keeps: each listener has
// one while audio comes in.
const webConnections = 256

// webVaults are the accounts that the page shows. They are opened when somebody asks for
// them, and kept open. Its methods may be called concurrently.
type webVaults struct {
	log   *slog.Logger
	parts *s3store.Pool // the page stores nothing; without one each store would make its own

	mu    sync.Mutex
	shown []*webVault
	all   []*webVault // also those that the configuration has no more: somebody may be listening
}

func newWebVaults(log *slog.Logger) *webVaults {
	return &webVaults{log: log, parts: s3store.NewPool(1)}
}

// use has the page show the accounts of a configuration. What is open stays so.
func (v *webVaults) use(ctx context.Context, accounts []configured) {
	var shown []*webVault
	for _, c := range accounts {
		path, to, err := c.manifestFile(ctx)
		n := &webVault{name: c.Name, path: path, to: to, around: c.around(context.WithoutCancel(ctx)), s3: c.S3, wrong: err}
		if f, _, err := c.flags(); err == nil {
			n.insecureHTTP = f.insecureHTTP
		}
		shown = append(shown, v.same(n))
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.shown = shown
}

// same is a vault like n that there is already, or n.
func (v *webVaults) same(n *webVault) *webVault {
	n.log, n.around.parts = v.log, v.parts.Join()
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, was := range v.all {
		if was.name == n.name && was.path == n.path && was.to.String() == n.to.String() && was.insecureHTTP == n.insecureHTTP &&
			reflect.DeepEqual(was.s3, n.s3) && was.wrong == nil && n.wrong == nil {
			return was
		}
	}
	v.all = append(v.all, n)
	return n
}

// only has the page show the account of one manifest.
func (v *webVaults) only(ctx context.Context, path string) error {
	return withManifest(ctx, path, func(path string, m manifest.Opened) error {
		b, err := m.Binding(ctx)
		if err != nil {
			return err
		}
		to, err := boundTo(ctx, m)
		if err != nil {
			return err
		}
		n := v.same(&webVault{name: b.Account, path: path, to: to, around: environment()})
		v.mu.Lock()
		defer v.mu.Unlock()
		v.shown = []*webVault{n}
		return nil
	})
}

// vaults are web.Options.Vaults.
func (v *webVaults) vaults() (all []*web.Vault) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, n := range v.shown {
		all = append(all, &web.Vault{Name: n.name, Destination: n.to.String(), Manifest: n.manifest, Store: n.store, Holds: n.machine()})
	}
	return all
}

// machine is where the account's manifests lie: beside its own, and in the state
// directory and the database.
func (n *webVault) machine() holding.Machine {
	m := holding.Machine{Opening: n.around.opening, Databases: []string{place.Database(n.path)}}
	if !place.InDatabase(n.path) {
		m.Dirs = append(m.Dirs, filepath.Dir(n.path))
	}
	if database, err := n.around.database(); err == nil { // else no account has its manifest there
		m.Databases = append(m.Databases, database)
	}
	if dir, err := n.around.stateDir(); err == nil { // else the manifest lies elsewhere, and there are no others
		m.Dirs = append(m.Dirs, dir)
	}
	return m
}

// Close closes everything. Nobody may be asking any more.
func (v *webVaults) Close() error {
	var errs []error
	for _, n := range v.all {
		for _, c := range n.opened {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(errs...)
}

// webVault is one account.
type webVault struct {
	name, path   string
	to           destination
	around       surroundings
	s3           config.S3
	insecureHTTP bool
	wrong        error // why there is none
	log          *slog.Logger

	mu     sync.Mutex
	opened []io.Closer
	m      manifest.Opened
	file   fs.FileInfo // that m has open
	s      storage.Store
}

// manifest is web.Vault.Manifest. A manifest that another one has been put in place of,
// as by vbcvault rebuild, is opened anew.
func (n *webVault) manifest(ctx context.Context) (web.Manifest, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.wrong != nil {
		return nil, n.wrong
	}
	var file fs.FileInfo
	if !place.InDatabase(n.path) {
		var err error
		if file, err = os.Stat(n.path); err != nil {
			return nil, fmt.Errorf("open manifest: %w", err)
		}
	}
	if n.m != nil && (file == nil || os.SameFile(file, n.file)) {
		return n.m, nil
	}
	m, err := n.open(context.WithoutCancel(ctx))
	if errors.Is(err, manifest.ErrUnbound) {
		err = fmt.Errorf("%w: %w", err, fs.ErrNotExist) // a run has begun, and knows of no account yet
	}
	if err != nil {
		return nil, err
	}
	n.opened, n.m, n.file = append(n.opened, m), m, file
	return m, nil
}

// open opens the manifest beside runs. One of an earlier format is brought up to date
// first, unless a run is about to.
func (n *webVault) open(ctx context.Context) (manifest.Opened, error) {
	opening, err := n.around.opening()
	if err != nil {
		return nil, err
	}
	m, err := place.OpenBeside(ctx, n.path, opening)
	if !errors.Is(err, manifest.ErrOlder) {
		return m, err
	}
	newer, err := place.Open(ctx, n.path, opening)
	if err == nil {
		n.log.Info("the manifest was brought up to date for the page", "account", n.name)
		err = newer.Close()
	}
	if err != nil {
		return nil, err
	}
	return place.OpenBeside(ctx, n.path, opening)
}

// store is web.Vault.Store.
func (n *webVault) store(ctx context.Context) (storage.Store, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.wrong != nil || n.s != nil {
		return n.s, n.wrong
	}
	s, err := n.to.openAs(context.WithoutCancel(ctx), n.around, webConnections, n.insecureHTTP, n.log)
	if err != nil {
		return nil, err
	}
	if c, ok := s.(io.Closer); ok {
		n.opened = append(n.opened, c)
	}
	n.s = s
	return s, nil
}
