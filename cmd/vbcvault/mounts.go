package main

import (
	"fmt"
	"log/slog"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/mount"
)

var _ storage.Mounted = destination{}

// Mount implements storage.Mounted before the destination is opened. A bucket is
// on none.
func (d destination) Mount() (kind string, err error) {
	if d.dir == "" {
		return "", nil
	}
	return mount.Within(d.dir)
}

// trust refuses to delete at VBC where proof would rest on a network or FUSE
// file system: fsync may say yes, and reading back find every byte, while all
// there is lies in a cache of this machine. It is asked before anything else is
// touched, and once more of the destination that was opened: something may have
// been mounted meanwhile.
func (j *job) trust(m storage.Mounted) error {
	if !j.options.Delete || j.trustMount {
		return nil
	}
	kind, err := m.Mount()
	if err != nil {
		return fmt.Errorf("%w: --delete must know the file system of the destination: %w", storage.ErrRefused, err)
	}
	if kind == "" {
		return nil
	}
	return usagef("archive to a disk of this machine, or to s3://; or remove --delete. If fsync is reliable on this mount, add --trust-mount",
		"--delete is refused: the destination %s is on a network or FUSE file system (%s), which may report data as saved while it is only in a cache of this machine", j.destination, kind)
}

// warnOfMount says where copies lie that don't justify a deletion.
func (j *job) warnOfMount(log *slog.Logger) {
	if j.options.Delete {
		return
	}
	// What can't be looked at, opening the destination tells.
	if kind, err := j.destination.Mount(); err == nil && kind != "" {
		log.Warn("the destination is on a network or FUSE file system: copies there are not safe enough to delete recordings at VBC",
			"destination", j.destination.String(), "file_system", kind)
	}
}
