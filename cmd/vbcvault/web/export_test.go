package web

import "io/fs"

// Templates are the templates' files.
func Templates() fs.FS { return templateFiles }
