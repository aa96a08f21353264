//go:build !linux

package storagetest

// TempInMemory leaves temporary files where they are; see the one of Linux.
func TempInMemory() (remove func()) { return func() {} }
