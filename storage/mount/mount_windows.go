package mount

import "golang.org/x/sys/windows"

// kindOf looks at the volume, which may be a folder in which a disk is mounted.
func kindOf(path string) (string, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return "", err
	}
	var root [windows.MAX_LONG_PATH]uint16
	var kind [windows.MAX_PATH + 1]uint16
	if err := windows.GetVolumePathName(name, &root[0], uint32(len(root))); err != nil {
		return "", err
	}
	if windows.GetDriveType(&root[0]) == windows.DRIVE_REMOTE {
		return "a network drive", nil
	}
	if err := windows.GetVolumeInformation(&root[0], nil, 0, nil, nil, nil, &kind[0], uint32(len(kind))); err != nil {
		return "", err
	}
	if s := windows.UTF16ToString(kind[:]); isRemote(s) {
		return s, nil
	}
	return "", nil
}

// kindBelow can't tell here.
func kindBelow(string) (kind, at string, err error) { return "", "", nil }
