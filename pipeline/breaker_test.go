package pipeline

import (
	"errors"
	"fmt"
	"testing"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// Where the first of a run all fail alike, it stops, whatever the cause; where
// they differ, or something goes well, or they are old acquaintances, it doesn't.
func TestFirstFailuresAllAlike(t *testing.T) {
	causes := map[string]func(i int) error{
		"size": func(i int) error {
			return fmt.Errorf("download %d: %w", i, &sizeError{Declared: int64(i), Got: storage.Content{Size: int64(i) + 1}})
		},
		"no audio": func(i int) error { return fmt.Errorf("download %d: %w", i, &notAudioError{What: "text/html"}) },
		"encoding": func(i int) error { return &vbc.Error{Op: fmt.Sprint(i), Status: 200, Malformed: true} },
		"404":      func(i int) error { return &vbc.Error{Op: fmt.Sprint(i), Status: 404} },
		"address":  func(int) error { return vbc.ErrNoAddress },
		"host":     func(i int) error { return &vbc.ForeignHostError{Op: fmt.Sprint(i)} },
		"taken":    func(i int) error { return &storage.OccupiedError{} },
	}
	stops := func(limit int, known, done bool, cause func(int) error) int {
		b := breaker{limit: limit}
		for i := 1; i <= 200; i++ {
			if b.failed(cause(i), known, done) != nil {
				return i
			}
		}
		return 0
	}
	for name, cause := range causes {
		for limit, want := range map[int]int{20: 40, 1: 20, 5: 20, 100: 50, 0: 0} {
			if got := stops(limit, false, false, cause); got != want {
				t.Errorf("%s: with --max-failures %d it stops after %d, want %d", name, limit, got, want)
			}
		}
		if n := stops(20, true, false, cause); n != 0 {
			t.Errorf("%s: what has failed before stops a run after %d", name, n)
		}
		if n := stops(20, false, true, cause); n != 0 {
			t.Errorf("%s: it stops after %d although something went well", name, n)
		}
	}
	codes := map[string]bool{}
	for _, cause := range causes {
		codes[codeOf(cause(1))] = true
		if codeOf(cause(1)) != codeOf(errors.Join(cause(2))) {
			t.Errorf("%v has two codes", cause(1))
		}
	}
	if len(codes) != len(causes) {
		t.Errorf("%v: codes of %d causes", codes, len(causes))
	}
	if n := stops(20, false, false, func(i int) error { return causes[[]string{"size", "no audio"}[i%2]](i) }); n != 0 {
		t.Errorf("it stops after %d that differ", n)
	}
}
