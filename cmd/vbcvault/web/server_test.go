package web_test

import (
	"net/http"
	"testing"
)

// What isn't there is answered with a page, whoever asks.
func TestNoSuchPage(t *testing.T) {
	t.Parallel()
	p := newPage(t, pageOptions{})
	p.Get("/nothing/here").want(t, http.StatusNotFound, "There is no such page", "<!doctype html>")
}
