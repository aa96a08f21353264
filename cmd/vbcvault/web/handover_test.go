package web_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/web"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/access"
	"github.com/vbcvault/vbcvault/pipeline"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/pipeline/proof"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
)

// deleting has a run delete at VBC, so many: of these there are receipts.
func deleting(n int) func(*pipeline.Options) {
	return func(o *pipeline.Options) { o.Delete, o.MaxDeletes = true, &n }
}

// handOver has a selection be handed over, and is the page about it once it is made.
func (p *page) handOver(reason string, picks ...string) answer {
	p.t.Helper()
	form := url.Values{"pick": picks}
	ask := p.Post("/handover", form).want(p.t, http.StatusOK, "Make the ZIP")
	form.Set("token", ask.form(p.t, "/handover/make").Get("token"))
	form.Set("reason", reason)
	a := p.Post("/handover/make", form)
	for a.StatusCode == http.StatusOK && strings.Contains(a.Text, "loads again by itself") {
		a = p.Get(a.Request.URL.Path)
	}
	return a.want(p.t, http.StatusOK, "Download")
}

// picks are the recordings of someRecordings.
func picks(n int) (all []string) {
	for i := range n {
		all = append(all, "acme/company/-/"+strconv.Itoa(193228+i)+"/0")
	}
	return all
}

// zipAt is where a page about a hand-over leads.
func (a answer) zipAt() string { return a.Request.URL.Path + "/recordings.zip" }

// A ZIP has each recording with its proof, which a stranger checks with nothing but it and
// the key; and what is missing, damaged or not vouched for is named, on the page, too.
func TestHandoverHasProofsAndSaysWhatItLacks(t *testing.T) {
	t.Parallel()
	p, _ := player(t, pageOptions{Archive: deleting(4)})
	rows, err := p.Manifest["acme"].Failures(t.Context(), 1)
	if err != nil || len(rows) != 0 {
		t.Fatal(rows, err)
	}
	var lost manifest.Row
	for row, err := range p.Manifest["acme"].Search(t.Context(), manifest.Query{States: []manifest.State{manifest.Purged}, Limit: 1}) {
		if err != nil {
			t.Fatal(err)
		}
		lost = row
	}
	if err := os.Remove(filepath.Join(strings.TrimPrefix(p.Store["acme"].String(), "file://"), filepath.FromSlash(lost.Copy.Audio.Key))); err != nil {
		t.Fatal(err)
	}
	made := p.handOver("Smith v. Acme", picks(6)...)
	id := strconv.FormatInt(lost.ID, 10)
	made.want(t, http.StatusOK, "6 recordings, 5 with audio, 3 with a proof", "3 recordings are not complete", "No signed receipt vouches", "damaged or missing", id)
	file := p.Get(made.zipAt()).want(t, http.StatusOK)
	z, err := zip.NewReader(strings.NewReader(file.Text), int64(len(file.Text)))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	texts := map[string]string{}
	var folders []string
	for i, f := range z.File {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(in) // which checks the CRC
		if err != nil {
			t.Errorf("%s: %v", f.Name, err)
		}
		to := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(to), 0o700), os.WriteFile(to, b, 0o600)); err != nil {
			t.Fatal(err)
		}
		texts[path.Base(f.Name)] += string(b) // which recordings were deleted, and so lack nothing, is another each time
		if path.Base(f.Name) == "SHA256SUMS" {
			folders = append(folders, filepath.Dir(to))
		}
		if i == 0 && path.Base(f.Name) != "README.txt" {
			t.Errorf("the first file is %s", f.Name)
		}
	}
	if !strings.Contains(texts["README.txt"], id) || !strings.Contains(texts["README.txt"], "Smith v. Acme") || !strings.Contains(texts["READ-THIS.txt"], "so it is not in here") {
		t.Errorf("README.txt: %s", texts["README.txt"])
	}
	list, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(texts["index.csv"], "\ufeff"))).ReadAll()
	if err != nil || len(list) != 7 {
		t.Errorf("%q, %v", list, err)
	}
	verifier, err := p.Manifest["acme"].Verifier(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	keys, err := receipt.NewKeys(verifier)
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range folders {
		if s, err := proof.Check(t.Context(), folder, keys); err != nil || !s.Intact {
			t.Errorf("%s: %+v, %v", folder, s, err)
		}
	}
	if len(folders) != 3 {
		t.Errorf("%d proofs", len(folders))
	}
	if unzip, err := exec.LookPath("unzip"); err == nil {
		name := filepath.Join(t.TempDir(), "a.zip")
		if err := os.WriteFile(name, []byte(file.Text), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.CommandContext(t.Context(), unzip, "-t", name).CombinedOutput(); err != nil {
			t.Errorf("unzip -t: %v\n%s", err, out)
		}
	}
}

// part asks for a part of a file.
func (p *page) part(at string, header http.Header) *http.Response {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, p.URL+at, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header = header
	res, err := p.Client.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { res.Body.Close() })
	return res
}

// A transfer that breaks off goes on where it did, to the very same bytes, and each
// recording is in the listening log once for each sign-in, before its first byte.
func TestHandoverGoesOn(t *testing.T) {
	t.Parallel()
	p, heard := player(t, pageOptions{Archive: deleting(6)})
	made := p.handOver("case", picks(6)...)
	if n := len(heard.all()); n != 0 {
		t.Fatalf("%d entries before a byte was sent", n)
	}
	res := p.part(made.zipAt(), http.Header{})
	etag := res.Header.Get("ETag")
	size := res.ContentLength
	if size <= 0 || etag == "" || res.Header.Get("Accept-Ranges") != "bytes" {
		t.Fatalf("%d %q %v", size, etag, res.Header)
	}
	first := make([]byte, 9)
	if _, err := io.ReadFull(res.Body, first); err != nil {
		t.Fatal(err)
	}
	res.Body.Close() // killed
	half, all := int64(40_001), sha256.New()
	whole := p.part(made.zipAt(), http.Header{})
	if _, err := io.Copy(all, whole.Body); err != nil {
		t.Fatal(err)
	}
	pieces := sha256.New()
	for at := int64(0); at < size; at += half {
		piece := p.part(made.zipAt(), http.Header{"Range": {"bytes=" + strconv.FormatInt(at, 10) + "-" + strconv.FormatInt(at+half-1, 10)}, "If-Range": {etag}})
		if piece.StatusCode != http.StatusPartialContent {
			t.Fatalf("from %d: %d", at, piece.StatusCode)
		}
		if _, err := io.Copy(pieces, piece.Body); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(all.Sum(nil), pieces.Sum(nil)) {
		t.Error("the pieces are not the whole")
	}
	if other := p.part(made.zipAt(), http.Header{"Range": {"bytes=5-"}, "If-Range": {`"another"`}}); other.StatusCode != http.StatusOK {
		t.Errorf("a part of another ZIP: %d", other.StatusCode)
	}
	if beyond := p.part(made.zipAt(), http.Header{"Range": {"bytes=" + strconv.FormatInt(size, 10) + "-"}}); beyond.StatusCode != http.StatusRequestedRangeNotSatisfiable {
		t.Errorf("behind the end: %d", beyond.StatusCode)
	}
	entries := heard.all()
	if len(entries) != 6 {
		t.Errorf("%d entries, want 6", len(entries))
	}
	for _, e := range entries {
		if e.How != manifest.Exported || e.Why != "case" || e.Who != "vera" || e.Start.IsZero() {
			t.Errorf("%+v", e)
		}
	}
}

// No recording is sent that isn't in the listening log.
func TestHandoverNeedsItsEntry(t *testing.T) {
	t.Parallel()
	p, heard := player(t, pageOptions{Archive: deleting(6)})
	made := p.handOver("case", picks(2)...)
	heard.fail(errors.New("the disk is full"))
	res := p.part(made.zipAt(), http.Header{})
	got, err := io.ReadAll(res.Body)
	if err == nil || int64(len(got)) >= res.ContentLength {
		t.Errorf("%d of %d bytes, %v", len(got), res.ContentLength, err)
	}
	if files := bytes.Count(got, []byte("PK\x03\x04")); files != 2 {
		t.Errorf("%d files are sent without an entry, and not README.txt and index.csv alone", files)
	}
}

// A link is for whoever made it, in the role in which they did, for 24 hours, and not any
// more once something in it is erased.
func TestHandoverIsForWhoeverMadeIt(t *testing.T) {
	t.Parallel()
	now := time.Now()
	p, _ := player(t, pageOptions{Archive: deleting(6), Clock: func() time.Time { return now }})
	made := p.handOver("case", picks(2)...)
	gone := func(why string) {
		t.Helper()
		for _, at := range []string{made.Request.URL.Path, made.zipAt()} {
			if a := p.Get(at); a.StatusCode != http.StatusNotFound {
				t.Errorf("%s: %d", why, a.StatusCode)
			}
		}
	}
	p.As("walt", access.Role{})
	gone("somebody else")
	p.As("vera", access.Role{Kind: "holder", Extensions: []string{"101"}})
	gone("another role")
	p.As("vera", access.Role{Kind: "supervisor"})
	p.Get(made.zipAt()).want(t, http.StatusForbidden)
	p.As("vera", access.Role{})
	p.Get(made.zipAt()).want(t, http.StatusOK)
	for _, id := range []string{"", "..", "AAAA", strings.Repeat("A", 26), strings.Repeat("a", 26)} {
		if a := p.Get("/handover/" + id + "/recordings.zip"); a.StatusCode != http.StatusNotFound {
			t.Errorf("%q: %d", id, a.StatusCode)
		}
	}
	now = now.Add(24*time.Hour + time.Minute)
	gone("a day later")
	if err := p.Server.Tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(p.Spool); err != nil || len(left) != 0 {
		t.Errorf("%v is left, %v", left, err)
	}
}

// All that a search finds can be handed over, and a call that is marked in it.
func TestHandoverOfASearch(t *testing.T) {
	t.Parallel()
	p, _ := player(t, pageOptions{})
	found := p.Get("/").want(t, http.StatusOK, `action="/handover"`, `name="pick" value="acme/company/-/193228/0"`)
	if !strings.Contains(found.Text, `name="search" value="/"`) {
		t.Error("the search doesn't lead to a hand-over")
	}
	p.Post("/handover", url.Values{"search": {"/?from=2025-05-12&after=x"}}).want(t, http.StatusOK, "6 recordings")
	p.Post("/handover", url.Values{"search": {"/?extension=128"}}).want(t, http.StatusOK, "1 recording,", "193228")
	p.Post("/handover", url.Values{"search": {"/?from=2027-01-01"}}).want(t, http.StatusUnprocessableEntity, "No recordings are selected")
	p.As("otto", access.Role{Kind: "supervisor", Download: true, Extensions: []string{"128"}})
	p.Post("/handover", url.Values{"search": {"/"}}).want(t, http.StatusOK, "1 recording,")
	p.As("sue", access.Role{Kind: "supervisor"})
	if a := p.Get("/"); strings.Contains(a.Text, "pick") || strings.Contains(a.Text, "/handover") {
		t.Error("whoever may not download may pick")
	}
}

// What isn't in scope can't be picked, and a form with nothing or without a reason says so.
func TestHandoverWithinAScope(t *testing.T) {
	t.Parallel()
	p, _ := player(t, pageOptions{})
	p.Post("/handover", url.Values{}).want(t, http.StatusUnprocessableEntity, "No recordings are selected")
	for _, pick := range []string{"acme/company/-/7/0", "other/company/-/193228/0", "../../etc/passwd", "%zz", "acme", "acme/company/-/x/0", "acme/company/-/193228/0?x=y\n"} {
		p.Post("/handover", url.Values{"pick": {pick}}).want(t, http.StatusNotFound, "There is no such page")
	}
	p.Post("/handover/make", url.Values{"pick": picks(1), "token": {"t"}}).want(t, http.StatusUnprocessableEntity, "The reason is missing")
	p.As("otto", access.Role{Kind: "supervisor", Download: true, Extensions: []string{"999"}})
	p.Post("/handover", url.Values{"pick": picks(1)}).want(t, http.StatusNotFound, "There is no such page")
	p.As("sue", access.Role{Kind: "supervisor"})
	p.Post("/handover", url.Values{"pick": picks(1)}).want(t, http.StatusForbidden)
	p.Get("/call/"+picks(1)[0]+"/download").want(t, http.StatusForbidden)
}

// A file is sent with a reason, which is in the listening log, and without one it isn't.
func TestDownloadAsksForAReason(t *testing.T) {
	t.Parallel()
	p, heard := player(t, pageOptions{})
	at := "/call/" + picks(1)[0] + "/download"
	p.Get(at).want(t, http.StatusOK, "Hand it over with its proof", "193228")
	p.Post(at, url.Values{"reason": {"  "}}).want(t, http.StatusUnprocessableEntity, "Write down why")
	if n := len(heard.all()); n != 0 {
		t.Fatalf("%d entries", n)
	}
	file := p.Post(at, url.Values{"reason": {"ticket 4711"}}).want(t, http.StatusOK)
	row, err := p.Manifest["acme"].Row(t.Context(), heard.all()[0].Key(), 0)
	if err != nil || int64(len(file.Text)) != row.Copy.Audio.Size || !strings.Contains(file.Header.Get("Content-Disposition"), "attachment") {
		t.Errorf("%d bytes, %v, %v", len(file.Text), file.Header, err)
	}
	if e := heard.all()[0]; e.How != manifest.Downloaded || e.Why != "ticket 4711" {
		t.Errorf("%+v", e)
	}
}

// inAnother is a manifest that was made anew: its log is another one.
type inAnother struct{ *heard }

func (m inAnother) Chain(ctx context.Context) (receipt.Chain, error) {
	c, err := m.heard.Chain(ctx)
	c.ID = "ANOTHER"
	return c, err
}

// What is left of a ZIP is written down again where the manifest was replaced meanwhile.
func TestHandoverGoesOnInAnotherManifest(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var first, second *heard
	var now web.Manifest
	p := newPage(t, pageOptions{Archive: deleting(6), Manifest: func(_ string, m *sqlite.Manifest) web.Manifest {
		first, second = &heard{Manifest: m}, &heard{Manifest: m}
		now = first
		return first
	}})
	p.replace = func() web.Manifest {
		mu.Lock()
		defer mu.Unlock()
		return now
	}
	made := p.handOver("case", picks(2)...)
	send := func() {
		res := p.part(made.zipAt(), http.Header{})
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			t.Fatal(err)
		}
	}
	send()
	send()
	mu.Lock()
	now = inAnother{second}
	mu.Unlock()
	send()
	if a, b := len(first.all()), len(second.all()); a != 2 || b != 2 {
		t.Errorf("%d entries in the manifest that was, %d in the one that is", a, b)
	}
}
