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
	"strings"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/storage/ownership"
)

// Place is a manifest that may have holds.
type Place struct {
	Path  string
	Bound manifest.Binding
	Holds []manifest.Hold // in the order of their numbers there, those that have ended too
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
func ReadPlace(ctx context.Context, path string, key sqlite.Option) (Place, error) {
	p := Place{Path: path}
	b, texts, err := sqlite.ReadHolds(ctx, path, key)
	if err != nil {
		return p, err
	}
	p.Bound = b
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

// Machine is where manifests lie on this machine, and what signs the ends of holds.
type Machine struct {
	Dirs []string // those of all accounts may lie there
	Key  func() (sqlite.Option, error)
}

// Places are an account's manifests on the machine, by the account's number. What can't
// be read is left out; unread says why, of each file.
func (m Machine) Places(ctx context.Context, account string) (places []Place, unread []error, err error) {
	key, err := m.Key()
	if err != nil {
		return nil, nil, err
	}
	seen := map[string]bool{}
	for _, dir := range m.Dirs {
		if abs, err := filepath.Abs(dir); err == nil {
			dir = abs
		}
		paths, err := ManifestsIn(dir)
		if err != nil {
			return nil, nil, err
		}
		for _, path := range paths {
			if seen[path] {
				continue
			}
			seen[path] = true
			p, err := ReadPlace(ctx, path, key)
			switch {
			case sqlite.Missing(err):
			case err != nil:
				unread = append(unread, err)
			case p.Bound.Account == account:
				places = append(places, p)
			}
		}
	}
	return places, unread, ctx.Err()
}

// Beside opens an existing manifest for a short change, also while a run uses it.
func (m Machine) Beside(ctx context.Context, path string, do func(*sqlite.Manifest) error) error {
	key, err := m.Key()
	if err != nil {
		return err
	}
	if err := ownership.Fit(path); err != nil { // a hold is stored beside the archive too
		return err
	}
	to, err := sqlite.OpenBeside(ctx, path, key)
	if err != nil {
		return err
	}
	return errors.Join(do(to), to.Close())
}

// Read opens an existing manifest for reading, also while a run uses it.
func (m Machine) Read(ctx context.Context, path string) (*sqlite.Manifest, error) {
	key, err := m.Key()
	if err != nil {
		return nil, err
	}
	return sqlite.OpenReadOnly(ctx, path, key)
}
