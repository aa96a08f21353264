//go:build unix

package postgres_test

import (
	"bytes"
	"os"
	"sync"
	"testing"

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

// notShort skips what starts servers of its own, or waits for much to time out.
func notShort(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("it starts servers of its own, or waits for much to time out")
	}
}

// isOfLease reports whether a message is about renewing a lease.
func isOfLease(message []byte) bool {
	return bytes.Contains(message, []byte("lock_timeout")) || bytes.Contains(message, []byte("until ="))
}
