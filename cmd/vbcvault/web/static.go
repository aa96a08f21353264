package web

import (
	"crypto/sha256"
	"encoding/base64"
	"io/fs"
	"net/http"
	"strings"
	"sync"
)

func init() {
	routes = append(routes, route{pattern: "GET /static/{file}", open: true, do: (*Server).static})
}

// tags are the ETags of the static files.
var tags = sync.OnceValue(func() map[string]string {
	all := map[string]string{}
	entries, _ := fs.ReadDir(staticFiles, "static") // it is in the program
	for _, e := range entries {
		b, _ := fs.ReadFile(staticFiles, "static/"+e.Name())
		d := sha256.Sum256(b)
		all[e.Name()] = `"` + base64.RawURLEncoding.EncodeToString(d[:12]) + `"`
	}
	return all
})

// static is a file of the page's own. Browsers keep it and ask each time whether it is
// still the same, so that a newer vbcvault is never shown with an older style.
func (s *Server) static(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("file")
	tag, ok := tags()[name]
	if !ok || strings.Contains(name, "/") {
		return notFound
	}
	w.Header().Set("ETag", tag)
	w.Header().Set("Cache-Control", "no-cache")
	http.ServeFileFS(w, r, staticFiles, "static/"+name)
	return nil
}
