package web

import (
	"bytes"
	"embed"
	"errors"
	"html/template"
	"net/http"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/access"
)

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed static/*
var staticFiles embed.FS

var templates = template.Must(template.New("").Funcs(functions).ParseFS(templateFiles, "templates/*.html"))

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
	if err := templates.ExecuteTemplate(&b, name, p); err != nil {
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

// problem is an error that people can read. Whatever else happens is said in the log
// alone: its text may name what the viewer must not see.
type problem struct {
	status      int
	Title, Text string
	Mend        string // what to do about it
}

func (p *problem) Error() string { return p.Title + ": " + p.Text }

var (
	notFound = &problem{http.StatusNotFound, "There is no such page",
		"The address is wrong, or what it shows is not in what you may see.", "Go to the search and look for the call."}
	forbidden = &problem{http.StatusForbidden, "You may not do this",
		"Your role does not include it.", "Ask whoever looks after vbcvault for another role."}
)

// fail answers with a page about an error.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	p, known := errors.AsType[*problem](err)
	if !known {
		s.log.Error("a page could not be made", "path", r.URL.Path, "reason", err)
		p = &problem{http.StatusInternalServerError, "Something went wrong", "The page could not be made; the log of vbcvault says why.", "Try again in a minute."}
	}
	if err := s.show(w, r, p.status, "problem", p.Title, p); err != nil {
		s.log.Error("a page could not be made", "path", r.URL.Path, "reason", err)
		http.Error(w, p.Title, p.status)
	}
}
