//go:build !linux && !darwin && !windows

package manifest

// remoteKind can't tell here.
func remoteKind(string) (string, error) { return "", nil }
