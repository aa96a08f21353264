// Package refusal is what a program says when it stops before it does harm, and
// what whoever reads that can do about it.
package refusal

import "errors"

// Refusal ends a run before it does harm. Hint says how to mend it.
type Refusal struct {
	Reason, Hint string
}

func (e *Refusal) Error() string { return e.Reason }

// Hint says what the user can do about err, or "".
func Hint(err error) string {
	if e, ok := errors.AsType[*Refusal](err); ok {
		return e.Hint
	}
	return ""
}
