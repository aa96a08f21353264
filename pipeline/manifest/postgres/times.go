package postgres

import "time"

// second is a time to the second, by which an archive tells recordings apart; 0 = none.
func second(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}
