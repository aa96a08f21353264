package rebuild_test

import (
	"testing"

	"github.com/vbcvault/vbcvault/storage/storagetest"
)

// What is tested here is what belongs to what, and not the death of a disk: files in
// memory show the same in less time.
func TestMain(m *testing.M) {
	defer storagetest.TempInMemory()()
	m.Run()
}
