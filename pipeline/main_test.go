package pipeline

import (
	"flag"
	"runtime"
	"strconv"
	"testing"

	"github.com/vbcvault/vbcvault/storage/storagetest"
)

// What is tested here is the death of a process, at commits and requests that the
// lab knows of, and not of a disk: files in memory show the same in less time.
func TestMain(m *testing.M) {
	if chosen := flag.Lookup("test.parallel"); chosen.Value.String() == chosen.DefValue {
		_ = flag.Set("test.parallel", strconv.Itoa(2*runtime.GOMAXPROCS(0))) // they wait for each other's servers
	}
	defer storagetest.TempInMemory()()
	m.Run()
}
