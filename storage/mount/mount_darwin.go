package mount

import (
	"strings"

	"golang.org/x/sys/unix"
)

func kindOf(path string) (string, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return "", err
	}
	return remoteKind(&s), nil
}

// remoteKind also goes by what the file system says of itself.
func remoteKind(s *unix.Statfs_t) string {
	kind := unix.ByteSliceToString(s.Fstypename[:])
	if isRemote(kind) || s.Flags&unix.MNT_LOCAL == 0 {
		return kind
	}
	return ""
}

func kindBelow(dir string) (kind, at string, err error) {
	n, err := unix.Getfsstat(nil, unix.MNT_NOWAIT)
	if err != nil {
		return "", "", err
	}
	all := make([]unix.Statfs_t, n+8) // a few more may come meanwhile
	if n, err = unix.Getfsstat(all, unix.MNT_NOWAIT); err != nil {
		return "", "", err
	}
	below := strings.TrimSuffix(dir, "/") + "/"
	for i := range all[:n] {
		at = unix.ByteSliceToString(all[i].Mntonname[:])
		if kind = remoteKind(&all[i]); kind != "" && strings.HasPrefix(at, below) {
			return kind, at, nil
		}
	}
	return "", "", nil
}
