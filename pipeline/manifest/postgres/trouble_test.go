//go:build unix

package postgres_test

import (
	"bytes"
	"sync"

	"github.com/vbcvault/vbcvault/pipeline/receipt"
)

// aKey signs all manifests of these tests.
var aKey = sync.OnceValue(func() string {
	k, err := receipt.NewKey()
	if err != nil {
		panic(err)
	}
	return k.Secret()
})

// isOfLease reports whether a message is about renewing a lease.
func isOfLease(message []byte) bool {
	return bytes.Contains(message, []byte("lock_timeout")) || bytes.Contains(message, []byte("until ="))
}
