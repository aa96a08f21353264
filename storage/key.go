package storage

import (
	"fmt"
	"io/fs"
	"path"
	"strings"
	"unicode"
)

const (
	maxKey  = 900 // bytes; S3 takes 1,024 with the prefix
	maxName = 255 // bytes between two slashes; what file systems take
)

// Reserved begins the names that stores keep for themselves: a probe, the
// identity of a directory, temporary files.
const Reserved = ".vbcvault-"

// CheckKey refuses keys that one of the stores couldn't hold, or would hold
// under another name: an archive may move from one kind of store to another. A
// key is names separated by single slashes, as io/fs has them, of printable
// UTF-8 and without characters that are special to a file system. Every
// method that takes a key checks it.
func CheckKey(key string) error {
	var why string
	switch {
	case key == "" || key == ".":
		why = "it is empty"
	case len(key) > maxKey:
		why = fmt.Sprintf("it is longer than %d bytes", maxKey)
	case !fs.ValidPath(key):
		why = "it is not a plain path such as a/b"
	case strings.ContainsAny(key, `\:*?"<>|`):
		why = "it contains a character that some file systems don't allow"
	case strings.ContainsFunc(key, func(r rune) bool { return !unicode.IsPrint(r) }):
		why = "it contains a character that can't be printed"
	case strings.HasPrefix(path.Base(key), Reserved):
		why = "its name is reserved"
	default:
		for name := range strings.SplitSeq(key, "/") {
			if len(name) > maxName {
				why = fmt.Sprintf("a name in it is longer than %d bytes", maxName)
			}
		}
	}
	if why != "" {
		return fmt.Errorf("%.100q can't be the key of an object: %s", key, why)
	}
	return nil
}
