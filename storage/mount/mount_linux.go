package mount

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

const mountinfo = "/proc/self/mountinfo"

// magic are the network file systems by statfs(2)'s numbers, for where
// mountinfo doesn't show the mount, as in a chroot. FUSE's is also fuseblk's.
var magic = map[uint32]string{
	unix.NFS_SUPER_MAGIC: "nfs", unix.SMB_SUPER_MAGIC: "smbfs", unix.SMB2_SUPER_MAGIC: "smb2", unix.CIFS_SUPER_MAGIC: "cifs",
	unix.AFS_SUPER_MAGIC: "afs", unix.AFS_FS_MAGIC: "afs", unix.CODA_SUPER_MAGIC: "coda", unix.CEPH_SUPER_MAGIC: "ceph",
	unix.NCP_SUPER_MAGIC: "ncpfs", unix.V9FS_MAGIC: "9p", 0x0BD00BD0: "lustre", 0x01161970: "gfs2", 0x7461636f: "ocfs2",
	0x786f4256: "vboxsf", 0x19830326: "beegfs", 0x47504653: "gpfs", unix.FUSE_SUPER_MAGIC: "fuse",
}

func kindOf(path string) (string, error) {
	// First statfs, since it mounts what is mounted on demand, and stat doesn't.
	var disk unix.Statfs_t
	if err := unix.Statfs(path, &disk); err != nil {
		return "", err
	}
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return "", err
	}
	device := fmt.Sprintf("%d:%d", unix.Major(st.Dev), unix.Minor(st.Dev))
	table, err := readTable()
	if err != nil {
		table = nil // the number has to do
	}
	return judge(table.kind(device, path), uint32(disk.Type)), nil
}

// judge puts together what mountinfo calls a file system, "" if it doesn't show
// it, and statfs's number.
func judge(kind string, number uint32) string {
	switch {
	case isRemote(kind):
		return kind
	case number == unix.FUSE_SUPER_MAGIC && onDisk(kind):
		return ""
	}
	return magic[number]
}

func kindBelow(dir string) (kind, at string, err error) {
	table, err := readTable()
	if err != nil {
		return "", "", nil //nolint:nilerr // a system without /proc tells no more than statfs
	}
	kind, at = table.below(dir)
	return kind, at, nil
}

func readTable() (table, error) {
	b, err := os.ReadFile(mountinfo)
	if err != nil {
		return nil, err
	}
	return parse(string(b)), nil
}
