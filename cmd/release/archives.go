package main

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"context"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// entry is a file of an archive.
type entry struct {
	name string // within the archive, with slashes
	from string // on this machine
	mode fs.FileMode
}

// archives packs the binary of each target with what belongs to it: a tar.gz, or a zip
// for Windows.
func archives(_ context.Context, r *release) error {
	share, err := tree(r.share(), "share")
	if err != nil {
		return err
	}
	for _, t := range r.targets {
		top := r.name(t)
		files := []entry{
			{path.Base(filepath.ToSlash(r.binary(t))), r.binary(t), 0o755},
			{"LICENSE", filepath.Join(r.root, "LICENSE"), 0o644},
			{"README.md", filepath.Join(r.root, "README.md"), 0o644},
			{"CHANGELOG.md", filepath.Join(r.root, ".github", "CHANGELOG.md"), 0o644},
		}
		pack, ext := packTar, ".tar.gz"
		if t.os == "windows" {
			pack, ext = packZip, ".zip"
		} else {
			files = append(files, share...)
		}
		for i := range files {
			files[i].name = top + "/" + files[i].name
		}
		if err := pack(filepath.Join(r.out, top+ext), files, r.time); err != nil {
			return err
		}
	}
	return nil
}

// tree are the files below dir in the order of their names, as they lie below top.
func tree(dir, top string) (out []entry, err error) {
	err = filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, p)
		out = append(out, entry{path.Join(top, filepath.ToSlash(rel)), p, 0o644})
		return err
	})
	slices.SortFunc(out, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	return out, err
}

// packTar writes files that belong to root and are all of one time.
func packTar(to string, files []entry, at time.Time) error {
	return create(to, func(w io.Writer) error {
		zw := gzip.NewWriter(w) // the best compression takes three times as long, for 1 % less
		tw := tar.NewWriter(zw)
		for _, f := range files {
			info, err := os.Stat(f.from)
			if err != nil {
				return err
			}
			h := &tar.Header{Name: f.name, Mode: int64(f.mode), Size: info.Size(), ModTime: at, Typeflag: tar.TypeReg, Uname: "root", Gname: "root", Format: tar.FormatUSTAR}
			if err := tw.WriteHeader(h); err != nil {
				return err
			}
			if err := copyFrom(tw, f.from); err != nil {
				return err
			}
		}
		if err := tw.Close(); err != nil {
			return err
		}
		return zw.Close()
	})
}

func packZip(to string, files []entry, at time.Time) error {
	return create(to, func(w io.Writer) error {
		zw := zip.NewWriter(w)
		for _, f := range files {
			h := &zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: at}
			h.SetMode(f.mode)
			part, err := zw.CreateHeader(h)
			if err != nil {
				return err
			}
			if err := copyFrom(part, f.from); err != nil {
				return err
			}
		}
		return zw.Close()
	})
}

// create writes a file that all may read, whatever the umask is.
func create(name string, write func(io.Writer) error) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := write(f); err != nil {
		return err
	}
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	return f.Close()
}

func copyFrom(w io.Writer, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(w, f)
	return err
}
