//go:build !linux && !darwin && !windows

package mount

// kindOf can't tell here.
func kindOf(string) (string, error) { return "", nil }

func kindBelow(string) (kind, at string, err error) { return "", "", nil }
