package main_test

import (
	"testing"

	"github.com/vbcvault/vbcvault/pipeline/receipt"
)

// verifierOf is the verifier of a signing key.
func verifierOf(t testing.TB, secret string) string {
	t.Helper()
	key, err := receipt.ParseKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	return key.Verifier()
}
