package pipeline

import (
	"fmt"
	"sync"

	"github.com/dustin/go-humanize/english"

	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/evidence"
	"github.com/vbcvault/vbcvault/pipeline/refusal"
)

// breaker ends a run in which too much goes wrong: whatever it is, going on
// would repeat it with every recording.
type breaker struct {
	limit int // failures in a row; 0 = no limit

	mu                 sync.Mutex
	inARow             int
	alike              int    // failures from the beginning of the run, nothing having gone well, with
	code               string // this code; "" as long as there is none
	mixed              bool   // not all have had it, or something has gone well
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
// Causes that concern one recording, or its transcript, don't count, nor begin
// the count anew, unless nothing else happens from the beginning of the run on.
// known says that an earlier run has failed on it too, done that this run has got
// something done.
func (b *breaker) failed(cause error, known, done bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.allAlike(cause, known, done); err != nil {
		return err
	}
	if !general(cause) {
		return nil
	}
	if b.inARow++; b.limit == 0 || b.inARow < b.limit {
		return nil
	}
	return tooMany(b.inARow, cause)
}

func tooMany(n int, cause error) error {
	return &refusal.Refusal{Code: code.TooManyFailures, Reason: fmt.Sprintf("%s in a row failed for a common cause (VBC, network or destination); the last error: %v",
		english.Plural(n, "recording", ""), cause),
		Hint: "nothing is lost: fix the cause and run the same command again; --max-failures sets the limit"}
}

// allAlike returns a *refusal when the first of a run have all failed alike.
func (b *breaker) allAlike(cause error, known, done bool) error {
	has := codeOf(cause)
	if b.code == "" && !known {
		b.code = has
	}
	if b.mixed = b.mixed || done || has != b.code && !known; b.mixed || known || b.limit == 0 {
		return nil
	}
	if b.alike++; b.alike < min(max(2*b.limit, fewestAlike), mostAlike) {
		return nil
	}
	return &refusal.Refusal{Code: code.AllAlike, Reason: fmt.Sprintf("the first %d recordings all failed in the same way, and none succeeded; nothing was deleted at VBC. The last error: %v", b.alike, cause),
		Hint: "check one of these recordings in the VBC admin portal, fix the cause and run the same command again; --max-failures sets the limit (0 = no limit)"}
}

// So many must fail alike before a run stops, whatever --max-failures says.
const fewestAlike, mostAlike = 20, 50

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
	return &refusal.Refusal{Code: code.CopiesLost, Reason: fmt.Sprintf("the destination was asked for %d copies, and %d of them are damaged or missing", b.proofs, b.mismatches),
		Hint: "don't trust this destination: check its disk, its lifecycle rules, and who else writes there. Nothing more was deleted at VBC"}
}
