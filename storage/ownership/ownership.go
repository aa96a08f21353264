// Package ownership keeps the files of a service its own. A service runs as a user that may
// read and write its state and nothing else. Whoever runs the same program by hand as
// root, beside it, makes files there that are root's: the next run of the service can't
// open them, and fails at night for a reason that nobody remembers.
//
// SQLite gives its -wal and -shm to the owner of the database, so that only reading a
// database as root does no harm. It is what a program makes itself that Fit is asked for.
package ownership

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
)

// Error says that files which root makes would be in the way of another user.
type Error struct {
	Path string // what belongs to that user
	User string // name, or number if it has none here
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s belongs to the user %s, who could not use files that root makes there", e.Path, e.User)
}

// Fit says whether this process may make or replace the file at path: the error is an
// *Error if it is root's, and path, or the nearest directory that exists, another user's.
// Where a file system gives every file to the same user, whoever makes it, nothing is in
// the way; nor where the state in a directory is root's already, as that of a container
// which runs as root with a directory that somebody else has made: root is the service
// there. It leaves nothing behind.
func Fit(path string) error {
	if os.Geteuid() != 0 { // -1 on Windows
		return nil
	}
	at, uid, ok := nearest(path)
	if !ok || uid == 0 {
		return nil
	}
	if gets, ok := probe(at); ok && gets == uid || rootsAlready(at) {
		return nil
	}
	return &Error{Path: at, User: name(uid)}
}

// nearest is what exists of a path, with its owner.
func nearest(path string) (at string, uid uint32, ok bool) {
	for at = path; ; at = filepath.Dir(at) {
		if info, err := os.Stat(at); err == nil {
			uid, ok = of(info)
			return at, uid, ok
		}
		if filepath.Dir(at) == at {
			return "", 0, false
		}
	}
}

// rootsAlready reports whether the databases in a directory are root's, and there is one.
func rootsAlready(dir string) bool {
	entries, err := os.ReadDir(dir) // an error also if it is a file: that is another user's
	roots := 0
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); ext != ".manifest" && ext != ".db" {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return false
		}
		if uid, ok := of(info); !ok || uid != 0 {
			return false
		}
		roots++
	}
	return err == nil && roots > 0
}

// probe is who gets a file that this process makes there.
func probe(at string) (uid uint32, ok bool) {
	if info, err := os.Stat(at); err != nil || !info.IsDir() {
		at = filepath.Dir(at)
	}
	f, err := os.CreateTemp(at, ".vbcvault-whose-")
	if err != nil {
		return 0, false
	}
	defer func() {
		f.Close()
		_ = os.Remove(f.Name()) // root may, in every directory where it could make it
	}()
	info, err := f.Stat()
	if err != nil {
		return 0, false
	}
	return of(info)
}

// Is reports whether something belongs to the user of this process, who isn't root.
func Is(path string) bool {
	info, err := os.Stat(path)
	if err != nil || os.Geteuid() <= 0 {
		return false
	}
	uid, ok := of(info)
	return ok && int(uid) == os.Geteuid()
}

func name(uid uint32) string {
	number := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(number); err == nil {
		return u.Username
	}
	return number
}
