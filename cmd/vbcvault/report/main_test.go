package report_test

import (
	"testing"

	"github.com/vbcvault/vbcvault/storage/storagetest"
)

// What is tested here is what is counted and shown, and not the death of a disk.
func TestMain(m *testing.M) {
	defer storagetest.TempInMemory()()
	m.Run()
}
