package s3store_test

import (
	"testing"

	"go.uber.org/goleak"
)

// The store starts no goroutines. Those of idle connections are net/http's.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}
