package manifest

import (
	"path/filepath"

	"golang.org/x/sys/windows"
)

// remoteKind says whether dir is on a network drive, "" if not.
func remoteKind(dir string) (string, error) {
	root, err := windows.UTF16PtrFromString(filepath.VolumeName(dir) + `\`)
	if err == nil && windows.GetDriveType(root) == windows.DRIVE_REMOTE {
		return "a network drive", nil
	}
	return "", err
}
