//go:build unix

package postgres_test

import (
	"bytes"
	"os"
	"sync"

	"github.com/vbcvault/vbcvault/pipeline/receipt"
)

// aKey signs all manifests of these tests, also in other processes.
var aKey = sync.OnceValue(func() string {
	if given := os.Getenv(keyOf); given != "" {
		return given
	}
	k, err := receipt.NewKey()
	if err != nil {
		panic(err)
	}
	return k.Secret()
})

const keyOf = "VBCVAULT_TEST_KEY"

// isOfLease reports whether a message is about renewing a lease.
func isOfLease(message []byte) bool {
	return bytes.Contains(message, []byte("lock_timeout")) || bytes.Contains(message, []byte("until ="))
}
