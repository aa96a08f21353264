package web

import "io/fs"

// Templates are the templates' files.
func Templates() fs.FS { return templateFiles }

// Patterns are those of all routes.
func Patterns() (all []string) {
	for _, r := range routes {
		all = append(all, r.pattern)
	}
	return all
}
