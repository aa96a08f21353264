package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"net/http"
	"strings"
	"time"
)

func init() {
	routes = append(routes, route{pattern: "GET /static/{file}", right: everybody, do: func(s *Server, w http.ResponseWriter, r *http.Request) error {
		s.Static().ServeHTTP(w, r)
		return nil
	}})
}

// assets are the static files, and digests what they are called beside their name, so
// that a browser may keep each for good.
var assets, digests = readAssets()

func readAssets() (files map[string][]byte, sums map[string]string) {
	files, sums = map[string][]byte{}, map[string]string{}
	names, err := fs.Glob(staticFiles, "static/*")
	if err != nil {
		panic(err) // the pattern is ours
	}
	for _, name := range names {
		b, err := staticFiles.ReadFile(name)
		if err != nil {
			panic(err) // it is part of the program
		}
		sum := sha256.Sum256(b)
		name = strings.TrimPrefix(name, "static/")
		files[name], sums[name] = b, hex.EncodeToString(sum[:8])
	}
	return files, sums
}

// asset is the address of a static file.
func asset(name string) string {
	if digests[name] == "" {
		panic("there is no static file " + name)
	}
	return "/static/" + name + "?" + digests[name]
}

// Static answers with the style sheet and the script. They say nothing of anybody and
// are for everybody, also before somebody has signed in.
func (s *Server) Static() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, "/static/")
		b, ok := assets[name]
		if !ok {
			s.fail(w, r, notFound)
			return
		}
		h := w.Header()
		h.Set("ETag", `"`+digests[name]+`"`)
		h.Set("Cache-Control", "no-cache")
		if r.URL.RawQuery == digests[name] {
			h.Set("Cache-Control", "public, max-age=31536000, immutable")
		}
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(b))
	})
}
