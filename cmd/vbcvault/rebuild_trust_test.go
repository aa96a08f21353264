package main_test

import (
	"bytes"
	"os"
	"path"
	"strings"

	"github.com/vbcvault/vbcvault/pipeline/receipt"
)

// verifierOf is the verifier of a manifest's key.
func (w *world) verifierOf(manifest string) string {
	w.t.Helper()
	secret, err := os.ReadFile(manifest + ".key")
	if err != nil {
		w.t.Fatal(err)
	}
	key, err := receipt.ParseKey(string(secret))
	if err != nil {
		w.t.Fatal(err)
	}
	return key.Verifier()
}

// lines are the entries in files of receipts.
func (w *world) lines(keys []string) (lines []string) {
	w.t.Helper()
	for _, key := range keys {
		for line := range bytes.Lines(w.read(key)) {
			if !bytes.HasPrefix(line, []byte(`{"checkpoint":`)) {
				lines = append(lines, strings.TrimSuffix(string(line), "\n"))
			}
		}
	}
	return lines
}

// chainsOf are the chains of files of receipts.
func chainsOf(keys []string) map[string]bool {
	chains := map[string]bool{}
	for _, key := range keys {
		chains[path.Base(path.Dir(key))] = true
	}
	return chains
}
