package web

import (
	"io/fs"
	"time"
)

// Templates are the templates' files.
func Templates() fs.FS { return templateFiles }

// Patterns are those of all routes.
func Patterns() (all []string) {
	for _, r := range routes {
		all = append(all, r.pattern)
	}
	return all
}

// Patience is how long the search and its count may take from now on.
func (s *Server) Patience(search, count time.Duration) { s.searchTakes, s.countTakes = search, count }
