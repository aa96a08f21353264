package evidence

import (
	"fmt"
	"time"
)

// Fresh is how old evidence may be, at most, when the DELETE that it justifies is
// written to its connection.
const Fresh = 10 * time.Second

// StaleError says that evidence is too old for what it is to justify.
type StaleError struct{ Age time.Duration }

func (e *StaleError) Error() string {
	return fmt.Sprintf("the check of the copy is older than %v: this machine or program was suspended, or the manifest's disk is slow", Fresh)
}

// Fresh returns a *StaleError unless the store was asked less than that ago, by
// the clock on the wall and by one that counts the time for which the machine
// slept.
func (v Verified) Fresh() error {
	if age := v.asked.Age(); age > Fresh {
		return &StaleError{age}
	}
	return nil
}
