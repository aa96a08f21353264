//go:build !unix

package ownership

import "os"

func of(os.FileInfo) (uid uint32, ok bool) { return 0, false }
