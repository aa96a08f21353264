package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// newFile makes a file of what write writes. It gets its name once it is whole
// and on disk; whatever goes wrong, and however the program ends, nothing else
// ever has that name. A file that is there already is refused before write is
// called, and never overwritten. Its owner alone may read it.
func newFile(path string, write func(io.Writer) error) (err error) {
	return newFileFor("--out", path, 0o600, write)
}

// newFileFor is newFile for the file that an option names, with a mode.
func newFileFor(option, path string, mode os.FileMode, write func(io.Writer) error) (err error) {
	if _, err := os.Lstat(path); err == nil {
		return usagef("use a new file name", "%s: %s already exists", option, path)
	}
	if _, err := os.Stat(filepath.Dir(path)); err != nil {
		return usagef("create it first", "%s: there is no directory %s", option, filepath.Dir(path))
	}
	temp, err := os.CreateTemp(filepath.Dir(path), ".vbcvault-unfinished-")
	if err != nil {
		return usagef("use a new file in a writable directory", "%s: %v", option, err)
	}
	return whole(temp, path, accessTo{mode: mode, user: -1, group: -1}, false, write)
}

// accessTo says who may do what with a file.
type accessTo struct {
	mode        os.FileMode
	user, group int // -1 = as whoever makes it
}

// whole gives the file at path what write writes, all or nothing, by way of temp, which
// lies beside it and is for its owner alone until it is complete. It is on disk on nil.
// Unless it is to replace one, a file that is there stays as it is, and that is an error.
func whole(temp *os.File, path string, to accessTo, replace bool, write func(io.Writer) error) error {
	// A crash until the file has its name leaves the temporary one.
	defer func() {
		temp.Close()
		_ = os.Remove(temp.Name())
	}()
	out := bufio.NewWriterSize(temp, 1<<16)
	if err := write(out); err != nil {
		return err
	}
	err := out.Flush()
	if to.user != -1 || to.group != -1 {
		err = errors.Join(err, temp.Chown(to.user, to.group))
	}
	if runtime.GOOS != "windows" {
		err = errors.Join(err, temp.Chmod(to.mode))
	}
	if err := errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	name := claim
	if replace {
		name = os.Rename
	}
	if err := name(temp.Name(), path); err != nil {
		return fmt.Errorf("name the new file: %w", err)
	}
	if dir, err := os.Open(filepath.Dir(path)); err == nil {
		_ = dir.Sync() // not every system can
		dir.Close()
	}
	return nil
}

// claim gives a file its name if that is free.
func claim(temp, path string) error {
	err := os.Link(temp, path)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	// Not every file system has hard links, and a rename overwrites.
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%s: %w", path, fs.ErrExist)
	}
	return os.Rename(temp, path)
}
