package media

import (
	"strconv"
	"strings"
)

// window is a part of an object.
type window struct{ off, n int64 }

// ranges are those that a Range header asks for of size bytes, as net/http understands
// it; nil if there is none that can be answered. It decides nothing: what is answered,
// http.ServeContent says. From here come how many there are, and how long each is, so
// that one of them is one request to the store.
func ranges(header string, size int64) (all []window) {
	list, ok := strings.CutPrefix(header, "bytes=")
	if !ok {
		return nil
	}
	for spec := range strings.SplitSeq(list, ",") {
		first, last, ok := strings.Cut(strings.TrimSpace(spec), "-")
		if !ok {
			continue
		}
		first, last = strings.TrimSpace(first), strings.TrimSpace(last)
		from, errFrom := strconv.ParseInt(first, 10, 64)
		to, errTo := strconv.ParseInt(last, 10, 64)
		switch {
		case first == "" && errTo == nil && to > 0: // the last so many
			n := min(to, size)
			all = append(all, window{size - n, n})
		case errFrom != nil || from < 0 || from >= size:
		case last == "":
			all = append(all, window{from, size - from})
		case errTo == nil && to >= from:
			all = append(all, window{from, min(to, size-1) - from + 1})
		}
	}
	return all
}
