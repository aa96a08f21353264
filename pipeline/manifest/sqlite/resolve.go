package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrNames says that a manifest's file has several names, as hard links are.
var ErrNames = errors.New("the manifest file has several names (hard links), so two runs could use it at the same time")

// resolve follows the symbolic links of a manifest's path, so that two names for
// one file are one lock. The file, and its directory, need not be there yet.
func resolve(path string) (string, error) {
	for range 40 { // as many links as systems follow
		if real, err := filepath.EvalSymlinks(path); err == nil {
			if path, err = filepath.Abs(real); err != nil {
				return "", err
			}
			if n, err := names(path); err != nil || n > 1 {
				return "", errors.Join(err, fmt.Errorf("%w: %s", ErrNames, path))
			}
			return path, nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		to, err := os.Readlink(path)
		if err != nil { // it isn't there, and is no link to what isn't
			dir, err := filepath.EvalSymlinks(filepath.Dir(path))
			if errors.Is(err, fs.ErrNotExist) {
				return filepath.Abs(path)
			}
			if err != nil {
				return "", err
			}
			return filepath.Abs(filepath.Join(dir, filepath.Base(path)))
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(path), to)
		}
		path = to
	}
	return "", fmt.Errorf("%s: too many links", path)
}
