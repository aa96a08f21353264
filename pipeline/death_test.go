package pipeline

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
)

// moment is when a process ends, and what becomes of the step that it was at.
type moment struct {
	step int // of all durable steps, from 1; 0 = none
	put  int // of those that put an object, from 1; 0 = none
	fate fate
}

func (m moment) String() string {
	if m.put > 0 {
		return fmt.Sprintf("put %d fate %d", m.put, m.fate)
	}
	return fmt.Sprintf("step %d fate %d", m.step, m.fate)
}

// moments are all in which the run that the lab has just seen could have ended:
// each step has had its effect or hasn't. A Put has a third way, to have read
// and sealed its body and stored nothing; every other step takes that for lost,
// and in S3, parts are steps of their own.
func (l *lab) moments() (all []moment) {
	for step := 1; step <= l.steps; step++ {
		all = append(all, moment{step: step, fate: lost}, moment{step: step, fate: doneButLost})
	}
	for put := 1; put <= l.puts; put++ {
		all = append(all, moment{put: put, fate: sealed})
	}
	return sample(all)
}

// rots are the same for a store that damages what it has just accepted. Only what
// is put can be: every other step has its effect, and the process ends after it.
func (l *lab) rots() (all []moment) {
	for step := 1; step <= l.steps; step++ {
		all = append(all, moment{step: step, fate: fine})
	}
	for put := 1; put <= l.puts; put++ {
		all = append(all, moment{put: put, fate: rots}, moment{put: put, fate: rotsAndLost})
	}
	return sample(all)
}

// everything has tests try what they else take a share of: see share.
var everything = flag.Bool("everything", false, "try every moment, also where a share of them is tried else; takes minutes")

// share is one in so many moments, others each time: each of them is two runs with a
// store and a manifest of their own. TestCrashAtEveryStep tries all, always.
func share(t *testing.T, all []moment, of int) (some []moment) {
	if *everything || os.Getenv("VBCVAULT_TESTS") == "all" || testing.Short() { // which has taken one in five already
		return all
	}
	first := rand.IntN(of)
	for i, m := range all {
		if i%of == first {
			some = append(some, m)
		}
	}
	t.Logf("%d of %d moments, beginning at the %dth; -everything tries all", len(some), len(all), first+1)
	return some
}

// sample takes one in five where there is no time for all.
func sample(all []moment) (some []moment) {
	if !testing.Short() {
		return all
	}
	for i := 0; i < len(all); i += 5 {
		some = append(some, all[i])
	}
	return some
}

// endAt has the next process end in that moment, or not end, but go on after what
// has become of that step.
func (l *lab) endAt(m moment, end bool) {
	l.reset(func(step int) (fate, bool) {
		if step == m.step || l.putting && l.puts == m.put {
			return m.fate, end
		}
		return fine, false
	})
}

// mustHaveDied ends the test if the process has never come to that moment. Writes
// to the manifest that come at the same time share a commit, so that one run may have
// a step or two fewer than another; it hasn't died at the last one then, but ended.
func (l *lab) mustHaveDied(m moment, sum Summary, err error) {
	l.t.Helper()
	if ended := err == nil && l.steps < m.step && m.step <= l.steps+2; !l.dead && !ended {
		l.t.Fatalf("it never came to %s: %+v, %v", m, sum, err)
	}
}
