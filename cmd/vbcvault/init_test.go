package main_test

import (
	"os"
	"strings"
	"testing"
)

// lookup is what a variable of the environment is for the program.
func (w *world) lookup(name string) (value string) {
	for _, kv := range w.env {
		if v, ok := strings.CutPrefix(kv, name+"="); ok {
			value = v
		}
	}
	return value
}

func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
