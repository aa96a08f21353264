package manifest

import "golang.org/x/sys/unix"

// remote are the network file systems, by statfs(2)'s magic numbers.
var remote = map[uint32]string{
	unix.NFS_SUPER_MAGIC: "NFS", unix.SMB_SUPER_MAGIC: "SMB", unix.SMB2_SUPER_MAGIC: "SMB", unix.CIFS_SUPER_MAGIC: "SMB",
	unix.AFS_SUPER_MAGIC: "AFS", unix.AFS_FS_MAGIC: "AFS", unix.CODA_SUPER_MAGIC: "Coda", unix.CEPH_SUPER_MAGIC: "Ceph",
	unix.NCP_SUPER_MAGIC: "NCP", unix.V9FS_MAGIC: "9P", 0x0BD00BD0: "Lustre", 0x01161970: "GFS2", 0x7461636f: "OCFS2",
}

// remoteKind names the network file system that dir is on, "" if it is local.
func remoteKind(dir string) (string, error) {
	var s unix.Statfs_t
	err := unix.Statfs(dir, &s)
	return remote[uint32(s.Type)], err
}
