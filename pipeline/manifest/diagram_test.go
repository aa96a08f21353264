package manifest

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The diagram of states in the README of the pipeline has just the steps that are
// allowed here, save that a state may stay as it is.
func TestDiagramOfStates(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, diagram, found := strings.Cut(string(b), "```mermaid\n")
	diagram, _, closed := strings.Cut(diagram, "```")
	if !found || !closed {
		t.Fatal("there is no diagram")
	}
	var drawn, allowed []string
	for _, m := range regexp.MustCompile(`(?m)^ +([a-z]+) --> ([a-z]+)`).FindAllStringSubmatch(diagram, -1) {
		drawn = append(drawn, m[1]+" → "+m[2])
	}
	for _, step := range transitions {
		for _, state := range step.from {
			if state != step.to {
				allowed = append(allowed, string(state)+" → "+string(step.to))
			}
		}
	}
	slices.Sort(drawn)
	slices.Sort(allowed)
	allowed = slices.Compact(allowed) // several steps may lead the same way
	if !slices.Equal(drawn, allowed) {
		t.Errorf("drawn:   %q\nallowed: %q", drawn, allowed)
	}
}
