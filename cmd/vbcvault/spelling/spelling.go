// Package spelling finds which name was meant by one that is mistyped: of a command, a
// flag, or a key of the configuration file.
package spelling

import "strings"

// Nearest is the name that was most likely meant by what was typed; "" if none is
// close: a third of the letters may be wrong, two in a short word, and an end
// may be missing.
func Nearest(typed string, names []string) string {
	typed = strings.ToLower(typed)
	best, least := "", min(2, len(typed)/2)
	if long := len(typed) / 3; long > least {
		least = long
	}
	for _, name := range names {
		if d := distance(typed, name); d < least || d == least && best == "" {
			best, least = name, d
		}
	}
	if best != "" || len(typed) < 3 {
		return best
	}
	for _, name := range names {
		if strings.HasPrefix(name, typed) {
			return name
		}
	}
	return ""
}

// distance is how many letters have to be put in, taken out or changed to make
// one word of the other; two that have changed places count once.
func distance(a, b string) int {
	var before []int // the row before last
	last := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			wrong := 1
			if a[i] == b[j] {
				wrong = 0
			}
			row[j+1] = min(last[j]+wrong, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
