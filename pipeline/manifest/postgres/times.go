package postgres

import "time"

// notBefore is the first whole millisecond that isn't before t.
func notBefore(t time.Time) int64 {
	ms := t.UnixMilli()
	if t.After(time.UnixMilli(ms)) {
		ms++
	}
	return ms
}

// second is a time to the second, by which an archive tells recordings apart; 0 = none.
func second(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}
