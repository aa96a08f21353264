package mount

import (
	"slices"
	"strings"
)

// table is what /proc/self/mountinfo says, in its order; see proc(5).
type table []mounted

// mounted is one file system at one place.
type mounted struct {
	device string // "8:1"
	point  string // where, absolute
	kind   string // as the kernel names it
}

// parse reads mountinfo. A line has at least these fields, and optional ones
// before the hyphen:
//
//	36 35 98:0 /root /mnt\040point rw,noatime master:1 - ext3 /dev/root rw
//
// What can't be read is left out.
func parse(mountinfo string) table {
	var t table
	for line := range strings.Lines(mountinfo) {
		f := strings.Fields(line)
		if len(f) < 8 {
			continue
		}
		hyphen := slices.Index(f[6:], "-") + 6
		if hyphen < 6 || hyphen+1 == len(f) || f[4][0] != '/' {
			continue
		}
		t = append(t, mounted{device: f[2], point: unescape(f[4]), kind: f[hyphen+1]})
	}
	return t
}

// unescape undoes \040 and the like, which stand for space, tab, newline and
// backslash.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if c, ok := octal(s[i:]); ok {
			b.WriteByte(c)
			i += 3
		} else {
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

func octal(s string) (c byte, ok bool) {
	if len(s) < 4 || s[0] != '\\' || s[1] > '3' {
		return 0, false
	}
	for _, d := range []byte(s[1:4]) {
		if d < '0' || d > '7' {
			return 0, false
		}
		c = c<<3 | (d - '0')
	}
	return c, true
}

// kind is the file system of a path without links, "" if the table doesn't show
// it. The device's number tells it for sure; a path may be hidden by what was
// mounted above it later. Some have devices that are shown nowhere (btrfs has one
// for each subvolume): there the nearest place counts, and of several on it the last.
func (t table) kind(device, path string) string {
	kind, nearest := "", ""
	for _, m := range t {
		if m.device == device {
			return m.kind
		}
		if lies(path, m.point) && len(m.point) >= len(nearest) {
			kind, nearest = m.kind, m.point
		}
	}
	return kind
}

// below finds a network or FUSE file system that is mounted below a directory.
func (t table) below(dir string) (kind, at string) {
	top := map[string]bool{}
	for _, m := range slices.Backward(t) {
		if m.point == dir || !lies(m.point, dir) || top[m.point] {
			continue
		}
		top[m.point] = true // it hides those that were mounted there before
		if isRemote(m.kind) {
			return m.kind, m.point
		}
	}
	return "", ""
}

// lies reports whether a path is, or is below, another one.
func lies(path, above string) bool {
	rest, ok := strings.CutPrefix(path, above)
	return ok && (rest == "" || rest[0] == '/' || strings.HasSuffix(above, "/"))
}
