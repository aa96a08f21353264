package s3store_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/vbcvault/vbcvault/storage/storagetest"
)

// inMemory runs all tests with their files, and the S3 server's, in memory.
type inMemory struct{ *testing.M }

func (m inMemory) Run() int {
	defer storagetest.TempInMemory()()
	return m.M.Run()
}

// The store starts no goroutines. Those of idle connections are net/http's.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(inMemory{m}, goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}
