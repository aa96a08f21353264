package web

import (
	"io/fs"
	"time"
)

// Templates are the templates' files.
func Templates() fs.FS { return templateFiles }

// Patience is how long the search and its count may take from now on.
func (s *Server) Patience(search, count time.Duration) { s.searchTakes, s.countTakes = search, count }
