package main

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// export writes the commit's files below r.work, and has the release be made of them:
// not of what lies about in the working tree without git's saying so.
func (r *release) export(ctx context.Context) error {
	to := filepath.Join(r.work, "source")
	files := filepath.Join(r.work, "source.tar")
	if _, err := r.git(ctx, "-c", "core.autocrlf=false", "-c", "tar.umask=0022", "archive", "--format=tar", "-o", files, r.commit); err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	f, err := os.Open(files)
	if err != nil {
		return err
	}
	defer f.Close()
	for tr := tar.NewReader(f); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			r.root = to
			return nil
		}
		if err != nil {
			return err
		}
		if !filepath.IsLocal(h.Name) {
			return fmt.Errorf("a file outside: %q", h.Name)
		}
		name := filepath.Join(to, h.Name) //nolint:gosec // IsLocal, as looked at above
		switch h.Typeflag {
		case tar.TypeDir:
			err = os.MkdirAll(name, 0o755)
		case tar.TypeReg:
			err = writeFrom(name, tr, h.FileInfo().Mode().Perm())
		case tar.TypeXGlobalHeader: // the commit
		default:
			err = fmt.Errorf("%s is neither a file nor a directory", h.Name)
		}
		if err != nil {
			return err
		}
	}
}

func writeFrom(name string, from io.Reader, mode fs.FileMode) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := io.Copy(f, from); err != nil {
		return err
	}
	return f.Close()
}
