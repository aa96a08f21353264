// Package mount tells whether a path lies on a disk of this machine.
//
// What a network file system or a FUSE program calls written may lie in a cache
// of this machine, whatever fsync has returned: rclone's mount with a write
// cache answers at once and uploads later, or never. And locks there may bind
// nobody else. Systems say what is mounted where, and this package reads it; a
// program that serves files under a disk's name, nobody recognises.
package mount

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Remote names the network or FUSE file system that a path is on, as in "nfs4"
// or "fuse.rclone"; "" if it is on a disk of this machine, or the system can't
// tell. Symbolic links are followed, also one that leads to nothing yet. Where
// there is nothing at the path, the nearest directory above it counts, in which
// it would be made. The error says that the path, or what is mounted, can't be
// looked at.
func Remote(path string) (kind string, err error) {
	kind, _, err = look(path, false)
	return kind, err
}

// Within is Remote for a directory with all that is mounted below it: one such
// file system there is enough, and is named with its place.
func Within(dir string) (kind string, err error) {
	kind, at, err := look(dir, true)
	if at != "" {
		kind += ", mounted at " + at
	}
	return kind, err
}

// look is Remote, and with below also Within: at is where below the path it is.
func look(path string, below bool) (kind, at string, err error) {
	real, err := existing(path)
	if err == nil {
		kind, err = kindOf(real)
	}
	if err == nil && kind == "" && below {
		kind, at, err = kindBelow(real)
	}
	if err != nil {
		return "", "", fmt.Errorf("check the file system of %s: %w", path, err)
	}
	return kind, at, nil
}

// mostLinks is how many links that lead to nothing are followed.
const mostLinks = 40

// existing is the path without links, or of what is nearest above it.
func existing(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	for links := 0; ; {
		real, err := filepath.EvalSymlinks(path)
		if err == nil {
			return real, nil
		}
		if _, e := os.Stat(path); e == nil {
			return path, nil // Windows can't resolve every path that it can open
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		dir := above(path)
		if target, e := os.Readlink(path); e == nil && links < mostLinks {
			links++
			if !filepath.IsAbs(target) {
				if dir, err = filepath.EvalSymlinks(dir); err != nil {
					return "", err
				}
				target = dir + string(filepath.Separator) + target // .. in it may go through links
			}
			path = target
			continue
		}
		if dir == path {
			return "", err
		}
		path = dir
	}
}

// above is filepath.Dir without cleaning: what .. means shows when the links
// before it are followed.
func above(path string) string {
	dir, _ := filepath.Split(path)
	if trimmed := strings.TrimRight(dir, string(filepath.Separator)); len(trimmed) > len(filepath.VolumeName(dir)) {
		return trimmed
	}
	return dir
}

// network are the file systems whose files are another machine's, or that
// several machines write to, by the names that Linux and macOS give them. A
// virtual machine's shared folders are the host's.
var network = set(
	"nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "afpfs", "webdav", "davfs", "ftp", "ncpfs", "9p",
	"afs", "kafs", "auristorfs", "coda", "ceph", "lustre", "glusterfs", "beegfs", "gpfs", "orangefs", "pvfs2", "panfs", "wekafs",
	"gfs", "gfs2", "ocfs2", "cvfs",
	"virtiofs", "applevirtiofs", "vboxsf", "vmhgfs", "hgfs", "prl_fs", "prl_vfs", "drvfs",
)

func set(words ...string) map[string]bool {
	m := map[string]bool{}
	for _, w := range words {
		m[w] = true
	}
	return m
}

// isRemote reports whether a file system of this name is a network's, or a
// program's that may keep its files anywhere.
func isRemote(kind string) bool {
	kind = strings.ToLower(kind)
	switch {
	case onDisk(kind), kind == "fusectl":
		return false
	case strings.Contains(kind, "fuse"), strings.Contains(kind, "winfsp"), strings.Contains(kind, "dokan"):
		return true
	}
	return network[kind]
}

// onDisk reports whether it is a program that writes to a disk of this machine,
// as ntfs-3g does.
func onDisk(kind string) bool { return kind == "fuseblk" || strings.HasPrefix(kind, "fuseblk.") }
