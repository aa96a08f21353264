//go:build unix

package postgres_test

import (
	"bytes"
	"testing"

	"github.com/vbcvault/vbcvault/pipeline/receipt"
)

func newKey(t testing.TB) string {
	t.Helper()
	k, err := receipt.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return k.Secret()
}

// isOfLease reports whether a message is about renewing a lease.
func isOfLease(message []byte) bool {
	return bytes.Contains(message, []byte("lock_timeout")) || bytes.Contains(message, []byte("until ="))
}
