package pipeline

import (
	"fmt"
	"sync"

	"github.com/vbcvault/vbcvault/pipeline/evidence"
)

// breaker ends a run in which too much goes wrong: whatever it is, going on
// would repeat it with every recording.
type breaker struct {
	limit int // failures in a row; 0 = no limit

	mu                 sync.Mutex
	inARow             int
	proofs, mismatches int
}

const fewestProofs = 50 // fewer say nothing about the store

// done notes a recording that went well.
func (b *breaker) done() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.inARow = 0
}

// failed notes one that failed, and returns a *refusal if it was one too many.
// Causes that concern one recording, or its transcript, neither count nor begin
// the count anew.
func (b *breaker) failed(cause error) error {
	if !general(cause) {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.inARow++; b.limit == 0 || b.inARow < b.limit {
		return nil
	}
	return tooMany(b.inARow, cause)
}

func tooMany(n int, cause error) error {
	return &refusal{Reason: fmt.Sprintf("%d recordings in a row failed for causes that aren't their own, the last one because: %v", n, cause),
		Hint: "nothing is lost: mend the cause and run again; --max-failures sets how many are too many"}
}

// proved notes how asking the store for a copy ended, and returns a *refusal
// if the store has lost too many.
func (b *breaker) proved(err error) error {
	mismatch := isA[*evidence.Mismatch](err)
	if err != nil && !mismatch {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.proofs++; mismatch {
		b.mismatches++
	}
	if b.proofs < fewestProofs || 2*b.mismatches <= b.proofs {
		return nil
	}
	return &refusal{Reason: fmt.Sprintf("of %d copies that the destination was asked for, it doesn't hold %d as they were stored", b.proofs, b.mismatches),
		Hint: "don't trust this destination: look at its disk, its lifecycle rules, and who else writes there; nothing more was deleted at VBC"}
}
