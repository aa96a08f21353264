package manifest

import "golang.org/x/sys/unix"

var remote = map[string]string{"nfs": "NFS", "smbfs": "SMB", "afpfs": "AFP", "webdav": "WebDAV", "ftp": "FTP"}

// remoteKind names the network file system that dir is on, "" if it is local.
func remoteKind(dir string) (string, error) {
	var s unix.Statfs_t
	err := unix.Statfs(dir, &s)
	return remote[unix.ByteSliceToString(s.Fstypename[:])], err
}
