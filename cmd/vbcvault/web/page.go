package web

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
	"sync"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/access"
)

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed static/*
var staticFiles embed.FS

// templates are read when the first page is made: most commands make none.
var templates = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("").Funcs(functions).ParseFS(templateFiles, "templates/*.html"))
})

// page is what each template gets.
type page struct {
	Title   string
	Viewer  *access.Viewer
	Zone    *time.Location // in which the viewer reads times
	Here    string         // the path, for what of the menu is marked
	Version string
	Data    any
}

// show answers with a page. A template that fails is an error, and not half a page.
func (s *Server) show(w http.ResponseWriter, r *http.Request, status int, name, title string, data any) error {
	p := page{Title: title, Viewer: access.From(r.Context()), Zone: zoneOf(r), Here: r.URL.Path, Version: s.o.Version, Data: data}
	var b bytes.Buffer
	if err := templates().ExecuteTemplate(&b, name, p); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "private, no-store")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // whoever has gone away needs no answer
	return nil
}

// zoneOf is the time zone of whoever asks: what the cookie "zone" names, else UTC.
func zoneOf(r *http.Request) *time.Location {
	if c, err := r.Cookie("zone"); err == nil {
		if z, err := time.LoadLocation(c.Value); err == nil && c.Value != "" && c.Value != "Local" {
			return z
		}
	}
	return time.UTC
}
