package web_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/web"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/access"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/storage"
)

// flipped is an archive in which transcripts have been changed, with as many bytes.
type flipped struct{ storage.Store }

func (f flipped) Open(ctx context.Context, o storage.Object) (io.ReadCloser, error) {
	r, err := f.Store.Open(ctx, o)
	if err != nil || !strings.Contains(o.Key, ".transcript.") {
		return r, err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	return io.NopCloser(strings.NewReader(strings.ReplaceAll(string(b), "cancel", "double"))), err
}

// What was said is shown only if it is what was archived, and only once it is written
// down who reads it; reloading a page is no second reading.
func TestTranscriptIsShownWholeAndOnRecord(t *testing.T) {
	t.Parallel()
	p := newPage(t, pageOptions{Recordings: someRecordings()[:1]})
	for range 2 {
		p.Get(firstCall+"?words=cancel").want(t, http.StatusOK, "I would like to <mark>cancel</mark> my order")
	}
	if got := p.listenings(); !slices.Equal(got, []manifest.How{manifest.Read}) {
		t.Errorf("the log has %v", got)
	}
	p.Get(firstCall).want(t, http.StatusOK, "Transcript read", "by vera")
	p.As("paul", access.Role{Kind: "supervisor"})
	p.Get(firstCall).want(t, http.StatusOK, "I would like to").lacks(t, "by vera", "by paul", "Transcript read")

	p = newPage(t, pageOptions{Recordings: someRecordings()[:1], Wrap: func(d storage.Destination) storage.Store { return flipped{d} }})
	p.Get(firstCall).want(t, http.StatusOK, "The transcript in the archive is not what was archived").lacks(t, "I would like to")
	if got := p.listenings(); got != nil {
		t.Errorf("nothing was shown, and the log has %v", got)
	}

	p = newPage(t, pageOptions{Recordings: someRecordings()[:1], Manifest: func(_ string, m *sqlite.Manifest) web.Manifest { return unwritable{m} }})
	p.Get(firstCall).want(t, http.StatusOK, "this could not be written down").lacks(t, "I would like to")
}

// unwritable is a manifest whose disk is full.
type unwritable struct{ *sqlite.Manifest }

func (unwritable) AddListening(context.Context, manifest.Listening) (manifest.Listening, error) {
	return manifest.Listening{}, errors.New("no space left on device")
}
