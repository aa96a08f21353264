package web_test

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/holding"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/web"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/access"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/state"
	"github.com/vbcvault/vbcvault/pipeline"
	"github.com/vbcvault/vbcvault/pipeline/manifest/place"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/pipeline/progress"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/dirstore"
	"github.com/vbcvault/vbcvault/vbc"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// pageOptions say what a page shows, and to whom. The zero value: six recordings of one
// account, named acme, and an admin.
type pageOptions struct {
	Recordings []vbctest.Recording            // of the account acme; nil = six, with transcripts, an hour apart
	Accounts   map[string][]vbctest.Recording // in place of Recordings, several accounts by name
	Role       access.Role                    // whose eyes the page is seen with; zero = admin
	Viewer     string                         // who looks; "" = "vera"
	Config     config.Web
	Clock      func() time.Time                                      // of the page; nil = that of Now
	Now        time.Time                                             // of the page; zero = the time it is
	Wrap       func(storage.Destination) storage.Store               // around each archive; nil = as it is
	Open       func(t testing.TB) storage.Destination                // another archive than a new directory, for each account
	Archive    func(*pipeline.Options)                               // changes how the recordings are archived
	Manifest   func(account string, m *sqlite.Manifest) web.Manifest // in place of each manifest
}

// page is a page that is answered, with the real thing behind it: manifests that a run
// has written, and an archive. Get and Post are a browser without JavaScript.
type page struct {
	t       testing.TB
	URL     string
	Handler http.Handler // the page, as whoever Role and Viewer say
	Server  *web.Server
	Log     *lines
	State   *state.DB
	Spool   string // where hand-overs lie
	Client  *http.Client

	Account  map[string]*vbctest.Account    // VBC, by the account's name
	Store    map[string]storage.Destination // the archive
	Manifest map[string]*sqlite.Manifest    // as the page has opened it
	Path     map[string]string              // of the manifest's file

	replace func() web.Manifest // in place of each manifest, from now on; nil = as it was

	mu   sync.Mutex
	role access.Role
	who  string
	id   string // of whoever that is; "" = the user of that name
}

// someRecordings are six calls of the year before, an hour apart, with transcripts.
func someRecordings() (all []vbctest.Recording) {
	start := time.Date(2025, 5, 12, 10, 15, 0, 0, time.UTC)
	for i := range int64(6) {
		all = append(all, vbctest.Recording{ID: 193228 + i, Start: start.Add(time.Duration(i) * time.Hour), Transcript: fmt.Sprintf("Good morning, this is call number %d. I would like to cancel my order.", i)})
	}
	return all
}

// newPage archives recordings and opens a page on them.
func newPage(t testing.TB, o pageOptions) *page {
	t.Helper()
	p := &page{t: t, Log: &lines{}, Account: map[string]*vbctest.Account{}, Store: map[string]storage.Destination{},
		Manifest: map[string]*sqlite.Manifest{}, Path: map[string]string{}}
	p.As(cmp.Or(o.Viewer, "vera"), o.Role)
	accounts := o.Accounts
	if accounts == nil {
		if o.Recordings == nil {
			o.Recordings = someRecordings()
		}
		accounts = map[string][]vbctest.Recording{"acme": o.Recordings}
	}
	var vaults []*web.Vault
	number := int64(549825)
	for _, name := range slices.Sorted(maps.Keys(accounts)) { // as in a configuration, in the same order each time
		vaults = append(vaults, p.archive(name, number, accounts[name], o))
		number++
	}
	db, err := state.Open(t.Context(), filepath.Join(t.TempDir(), "web.db"), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	p.State = db
	now := time.Now
	if !o.Now.IsZero() {
		now = func() time.Time { return o.Now }
	}
	if o.Clock != nil {
		now = o.Clock
	}
	log := slog.New(slog.NewTextHandler(p.Log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	p.Spool = filepath.Join(t.TempDir(), "handover")
	p.Server = web.New(web.Options{
		Vaults: func() []*web.Vault { return vaults }, Config: o.Config, State: db, Version: "test", Now: now, Log: log,
		Gate: access.New(access.Options{State: db, Config: o.Config, Log: log, Now: now}), Spool: p.Spool,
	})
	inner := p.Server.Handler()
	p.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		v := &access.Viewer{ID: cmp.Or(p.id, "user:"+p.who), Name: p.who, Role: p.role, Session: "session-of-" + p.who, From: "192.0.2.7"}
		p.mu.Unlock()
		inner.ServeHTTP(w, r.WithContext(access.With(r.Context(), v)))
	})
	server := httptest.NewServer(p.Handler)
	t.Cleanup(server.Close)
	p.URL = server.URL
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	p.Client = &http.Client{Transport: server.Client().Transport, Jar: jar}
	return p
}

// As has the page see whoever asks from now on as somebody with a role.
func (p *page) As(who string, role access.Role) {
	if role.Kind == "" {
		role.Kind = "admin"
	}
	role.Name = cmp.Or(role.Name, role.Kind)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.who, p.role, p.id = who, role, ""
}

// archive has a run archive an account's recordings, and is the vault with them.
func (p *page) archive(name string, number int64, recordings []vbctest.Recording, o pageOptions) *web.Vault {
	p.t.Helper()
	account := vbctest.New(vbctest.Config{Account: number})
	account.Add(recordings...)
	server := httptest.NewServer(account)
	p.t.Cleanup(server.Close)
	open := o.Open
	if open == nil {
		open = func(t testing.TB) storage.Destination {
			s, err := dirstore.Open(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { s.Close() })
			return s
		}
	}
	store := open(p.t)
	path := filepath.Join(p.t.TempDir(), name+".manifest")
	options := pipeline.Options{Account: fmt.Sprint(number), Cutoff: time.Now(), Kinds: []vbc.Kind{vbc.Company, vbc.OnDemand}, Version: "test"}
	if o.Archive != nil {
		o.Archive(&options)
	}
	client, err := vbc.New(vbc.Options{URL: server.URL, Username: "admin", Password: "correct horse", ClientID: "client", ClientSecret: "secret"})
	if err != nil {
		p.t.Fatal(err)
	}
	defer client.Close()
	m, err := sqlite.Open(p.t.Context(), path)
	if err != nil {
		p.t.Fatal(err)
	}
	sum, err := pipeline.Run(p.t.Context(), pipeline.Parts{VBC: client, Store: store, Manifest: m, Log: slog.New(slog.DiscardHandler), Stats: &progress.Stats{}}, options)
	if err != nil || !sum.Complete() || sum.Archived != int64(len(recordings)) {
		p.t.Fatalf("archived %d of %d: %v", sum.Archived, len(recordings), err)
	}
	if err := m.Close(); err != nil {
		p.t.Fatal(err)
	}
	if m, err = sqlite.OpenBeside(p.t.Context(), path); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { m.Close() })
	p.Account[name], p.Store[name], p.Manifest[name], p.Path[name] = account, store, m, path
	var shown web.Manifest = m
	if o.Manifest != nil {
		shown = o.Manifest(name, m)
	}
	var read storage.Store = store
	if o.Wrap != nil {
		read = o.Wrap(store)
	}
	return &web.Vault{
		Name: name, Destination: store.String(),
		Holds: holding.Machine{Dirs: []string{filepath.Dir(path)}, Opening: func() (place.Options, error) { return place.Options{}, nil }},
		Manifest: func(context.Context) (web.Manifest, error) {
			if p.replace != nil {
				return p.replace(), nil
			}
			return shown, nil
		},
		Store: func(context.Context) (storage.Store, error) { return read, nil },
	}
}

// answer is what the page has answered.
type answer struct {
	*http.Response
	Text string // the body
}

// Get asks for a path. Redirections are followed.
func (p *page) Get(path string) answer { return p.do(http.MethodGet, path, "") }

// Post sends a form, as the page's own forms do. Redirections are followed.
func (p *page) Post(path string, form url.Values) answer {
	return p.do(http.MethodPost, path, form.Encode())
}

func (p *page) do(method, path, body string) answer {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), method, p.URL+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	return p.Do(r)
}

// Do sends a request of one's own.
func (p *page) Do(r *http.Request) answer {
	p.t.Helper()
	res, err := p.Client.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return answer{res, string(b)}
}

// want fails unless the page has answered with a status and all of these texts.
func (a answer) want(t testing.TB, status int, texts ...string) answer {
	t.Helper()
	if a.StatusCode != status {
		t.Errorf("%s: %d, want %d\n%s", a.Request.URL.Path, a.StatusCode, status, a.Text)
	}
	for _, text := range texts {
		if !strings.Contains(a.Text, text) {
			t.Errorf("%s lacks %q:\n%s", a.Request.URL.Path, text, a.Text)
		}
	}
	return a
}

// lines is a log that tests read.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Each template has a name of its own and each style and script its own file: what the
// page needs is in it.
func TestNothingInlineAndNothingFromElsewhere(t *testing.T) {
	t.Parallel()
	inline := regexp.MustCompile(`(?i)<style|\sstyle=|<script(\s[^>]*)?>[^<]|\son[a-z]+=|javascript:|(src|href|action)="(https?:)?//`)
	found := 0
	err := fs.WalkDir(web.Templates(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		found++
		text, err := fs.ReadFile(web.Templates(), path)
		for i, line := range strings.Split(string(text), "\n") {
			if inline.MatchString(line) {
				t.Errorf("%s:%d: %s", path, i+1, strings.TrimSpace(line))
			}
		}
		return err
	})
	if err != nil || found == 0 {
		t.Error(found, err)
	}
}
