//go:build unix

package main

import (
	"io/fs"
	"syscall"
)

// canWrite reports whether a user with a group may write to a directory. Other groups of
// the user's, and access control lists, aren't looked at.
func canWrite(info fs.FileInfo, user, group int) bool {
	of, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return true
	}
	const writes = 0o3 // and enters
	mode := info.Mode().Perm()
	switch {
	case user == 0:
		return true
	case int(of.Uid) == user:
		return mode>>6&writes == writes
	case int(of.Gid) == group:
		return mode>>3&writes == writes
	}
	return mode&writes == writes
}

// accessOf is who may do what with a file that is there.
func accessOf(info fs.FileInfo) accessTo {
	to := accessTo{mode: info.Mode().Perm(), user: -1, group: -1}
	if of, ok := info.Sys().(*syscall.Stat_t); ok {
		to.user, to.group = int(of.Uid), int(of.Gid)
	}
	return to
}
