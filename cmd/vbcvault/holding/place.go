// Package holding is about legal holds of an account as a whole: a hold is in force, in
// the same words, in every manifest that the account has on this machine, and so is its
// end. The commands about holds and the page use it. It sends no request to VBC, and
// none to a destination: what it writes, runs store beside the archive.
package holding

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/place"
	"github.com/vbcvault/vbcvault/storage/ownership"
)

// Place is a manifest that may have holds.
type Place struct {
	Path  string
	Bound manifest.Binding
	Holds []manifest.Hold // in the order of their numbers there, those that have ended too
	Moved string          // where the manifest lies that has taken its place; "" = it is used
}

func (p Place) String() string {
	to := p.Bound.Destination
	if to == "" {
		to = "-"
	}
	return fmt.Sprintf("%s (%s)", to, p.Path)
}

// ReadPlace reads a manifest of any format, also while a run uses it. The error is
// fs.ErrNotExist (wrapped) if there is none.
func ReadPlace(ctx context.Context, path string, o place.Options) (Place, error) {
	p := Place{Path: path}
	b, texts, err := place.ReadHolds(ctx, path, o)
	if err != nil {
		return p, err
	}
	p.Bound = b
	if b.Account != "" {
		if p.Moved, err = place.Successor(ctx, path, o); err != nil {
			return p, err
		}
	}
	for _, t := range texts {
		if !t.Ended {
			p.Holds = append(p.Holds, t.Made())
			continue
		}
		h := &p.Holds[len(p.Holds)-1] // its making comes right before its end
		if h.Removed, err = t.End(); err != nil {
			return p, fmt.Errorf("read the holds of manifest %s: %w", path, err)
		}
	}
	return p, nil
}

// ManifestsIn are the files in a directory that have a manifest's name, none if there
// is no such directory.
func ManifestsIn(dir string) (paths []string, err error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if info, err := os.Stat(path); strings.HasSuffix(e.Name(), ".manifest") && err == nil && info.Mode().IsRegular() {
			paths = append(paths, path)
		}
	}
	return paths, err
}

// Machine is where the manifests lie that this machine uses, and how they are opened.
type Machine struct {
	Dirs      []string // those of all accounts may lie there
	Databases []string // addresses, which name no manifest: the same; "" is none
	Opening   func() (place.Options, error)
}

// paths are where an account's manifests may lie, each once: all files in the
// directories, and in the databases those of the account.
func (m Machine) paths(ctx context.Context, account string, opening place.Options) (paths []string, err error) {
	add := func(some []string) {
		for _, path := range some {
			if !slices.Contains(paths, path) {
				paths = append(paths, path)
			}
		}
	}
	for _, dir := range m.Dirs {
		if abs, err := filepath.Abs(dir); err == nil {
			dir = abs
		}
		some, err := ManifestsIn(dir)
		if err != nil {
			return nil, err
		}
		add(some)
	}
	for _, database := range m.Databases {
		if database == "" {
			continue
		}
		some, err := place.Manifests(ctx, database, account, opening)
		if err != nil {
			return nil, err
		}
		add(some)
	}
	return paths, nil
}

// Places are an account's manifests on the machine, by the account's number. What can't
// be read is left out; unread says why, of each file.
func (m Machine) Places(ctx context.Context, account string) (places []Place, unread []error, err error) {
	opening, err := m.Opening()
	if err != nil {
		return nil, nil, err
	}
	paths, err := m.paths(ctx, account, opening)
	if err != nil {
		return nil, nil, err
	}
	for _, path := range paths {
		p, err := ReadPlace(ctx, path, opening)
		switch {
		case place.Missing(err):
		case err != nil:
			unread = append(unread, err)
		case p.Bound.Account == account && p.Moved == "":
			places = append(places, p)
		}
	}
	return places, unread, ctx.Err()
}

// Beside opens an existing manifest for a short change, also while a run uses it.
func (m Machine) Beside(ctx context.Context, path string, do func(manifest.Opened) error) error {
	opening, err := m.Opening()
	if err != nil {
		return err
	}
	if !place.InDatabase(path) {
		if err := ownership.Fit(path); err != nil { // a hold is stored beside the archive too
			return err
		}
	}
	to, err := place.OpenBeside(ctx, path, opening)
	if err != nil {
		return err
	}
	return errors.Join(do(to), to.Close())
}

// Read opens an existing manifest for reading, also while a run uses it.
func (m Machine) Read(ctx context.Context, path string) (manifest.Opened, error) {
	opening, err := m.Opening()
	if err != nil {
		return nil, err
	}
	return place.OpenReadOnly(ctx, path, opening)
}
