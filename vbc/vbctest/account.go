// Package vbctest simulates a VBC account: the token endpoint, the call
// recording API and the users of the Provisioning API, behind a gateway with a
// quota. It is for tests and for vbcvault's demo.
//
// It is strict: what the real gateway would reject, it rejects, and it knows
// nothing of vbcvault's client. Where the documents leave something open
// (where pages begin to count, how large they may be), Config has both ways.
// Its description is openapi.yaml, against which a test checks every answer.
//
// It does not simulate voicemail or rules. What transcripts look like, and their
// listing, no document says: Config has several ways.
package vbctest

import (
	"cmp"
	"net/http"
	"slices"
	"sort"
	"sync"
	"sync/atomic"
	"time"
)

// Config says what kind of account. Every field has a useful zero value.
type Config struct {
	Account                int64  // number; 0 = 549825
	SelfUser               int64  // number of the user that "self" stands for; 0 = 745249
	Username, Password     string // "" = admin@vbc.prod, "correct horse"
	ClientID, ClientSecret string // "" = client, secret
	APIRoot                string // "" = /t/vbc.prod/call_recording/v1/api
	Users                  []int64

	FirstPageZero       bool // pages count from 0
	DefaultPageOne      bool // with FirstPageZero: a request without page still gets page 1
	MaxPageSize         int  // a larger page_size is made smaller; 0 = 1000
	RejectPageSizeAbove int  // a larger page_size is answered with 400; 0 = never
	IgnoreStartFilter   bool // serves recordings outside of start:gte and start:lte
	FilterExclusive     bool // start:gte leaves out what starts just then
	RoundStarts         bool // starts are shown to the nearest second, and filtered as they are
	IgnoreFilters       bool // serves recordings whatever the other filters say
	IgnoreOrder         bool // the newest come first whatever is asked for
	RejectOrder         bool // start:ASC is answered with 400
	NoSelfLinks         bool // recordings carry no _links
	NullEmbedded        bool // an empty page has "_embedded": null
	IgnorePage          bool // every page is the first
	PastEnd             int  // of pages behind the last: 0 = they are empty, 1 = they are the last, else the status that they are answered with

	Frame   func(map[string]any) // changes what surrounds the items of a page; nil = the truth
	Rewrite func([]byte) []byte  // changes the bytes of a page

	FilterZone *time.Location // start:gte and start:lte are read as times there, whatever offset they have; nil = as they say

	Quota       int           // requests per window, 0 = unlimited; tokens don't count
	QuotaWindow time.Duration // 0 = a minute; windows are aligned to the clock
	TokenTTL    time.Duration // 0 = 24 h
	Latency     time.Duration // before every answer

	BasicOnly      bool   // the application is named by HTTP Basic, and a form that names it is refused
	TokenPath      string // of the tokens; "" = /token
	ExpiresIn      string // expires_in as JSON, whatever TokenTTL is; "" = the truth
	UnknownAtFirst int    // so many requests with a new token are refused
	SingleToken    bool   // a new token ends all others, and their refresh tokens
	LockAfter      int    // refused logins that lock the user; 0 = none do
	// A second application: tokens of each are good for one API only.
	ProvisioningClientID, ProvisioningClientSecret string

	RefuseZ      bool // a time that ends in Z is answered with 400
	RefuseOffset bool // one that ends in +0000 is

	Denials map[RequestKind]Denial // what is refused although the token is good

	NotSubscribed         bool // the call recording API answers 403 (900908)
	ProvisioningForbidden bool // the Provisioning API does

	NoTranscripts        bool // the account has no transcripts: 404
	TranscriptsForbidden bool // nobody may see them: 403
	TranscriptsOwnIDs    bool // a transcript's id is its own, and recording_id says whose it is
	TranscriptsElsewhere bool // they are listed as "recordings"
	TranscriptsStay      bool // a transcript outlives its recording
	TranscriptsLater     bool // their listing is filtered by when they were made, a week after the call

	// TranscriptEntry is an entry of their listing; nil = id, start and call_id.
	TranscriptEntry func(Recording) map[string]any

	RejectTranscriptFilter bool // their listing knows no limits of time: 400

	NoExports   bool          // the account has no export jobs: 404
	ExportPolls int           // a job is complete when it is asked for once more
	ExportFails bool          // jobs fail
	ExportFiles int           // recordings in one job, the rest goes into further ones; 0 = all
	ExportTTL   time.Duration // how long a job can be had; 0 = 24 h
	// Zip changes what is in an export's ZIP; nil = file names as listed, stored, the truth.
	Zip func([]Recording, []ZipEntry) []ZipEntry

	Now func() time.Time // nil = time.Now
}

// Account is a simulated account, and the http.Handler that serves it. Its
// methods may be called concurrently.
type Account struct {
	cfg    Config
	auth   tokenStore
	routes func() http.Handler // behind the gateway

	mu       sync.Mutex
	sets     map[setKey]*set
	deleted  []Recording
	jobs     []*Job
	counts   Counts
	log      []Request
	windowNo int64
	windowN  int
	inject   func(*http.Request) *Fault

	tokenHost string // where tokens are, and nothing else; "" = everywhere
	storage   string // to which downloads are redirected; "" = they are not

	inFlight, maxInFlight atomic.Int64
}

type setKey struct {
	kind Kind
	user int64
}

// set is one collection, sorted by start and id.
type set struct {
	recordings []*Recording
	byID       map[int64]*Recording
	unsorted   bool
}

// New makes an account without recordings.
func New(cfg Config) *Account {
	def := func(s *string, v string) { *s = cmp.Or(*s, v) }
	def(&cfg.Username, "admin@vbc.prod")
	def(&cfg.Password, "correct horse")
	def(&cfg.ClientID, "client")
	def(&cfg.ClientSecret, "secret")
	def(&cfg.TokenPath, "/token")
	def(&cfg.APIRoot, "/t/vbc.prod/call_recording/v1/api")
	cfg.Account = cmp.Or(cfg.Account, 549825)
	cfg.SelfUser = cmp.Or(cfg.SelfUser, 745249)
	cfg.MaxPageSize = cmp.Or(cfg.MaxPageSize, 1000)
	cfg.QuotaWindow = cmp.Or(cfg.QuotaWindow, time.Minute)
	cfg.TokenTTL = cmp.Or(cfg.TokenTTL, 24*time.Hour)
	cfg.ExportTTL = cmp.Or(cfg.ExportTTL, 24*time.Hour)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if !slices.Contains(cfg.Users, cfg.SelfUser) {
		cfg.Users = append(slices.Clone(cfg.Users), cfg.SelfUser)
	}
	a := &Account{cfg: cfg, auth: newTokenStore(), sets: map[setKey]*set{}}
	a.routes = sync.OnceValue(a.api)
	return a
}

// Add adds recordings. Fields that are zero get defaults that depend on the id.
func (a *Account) Add(recordings ...Recording) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range recordings {
		r.setDefaults(a.cfg.SelfUser)
		s := a.sets[r.set()]
		if s == nil {
			s = &set{byID: map[int64]*Recording{}}
			a.sets[r.set()] = s
		}
		s.recordings = append(s.recordings, &r)
		s.byID[r.ID] = &r
		s.unsorted = true
	}
}

// Transcribe gives a company recording a transcript.
func (a *Account) Transcribe(id int64, text string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, r := a.find(setKey{kind: Company}, id); r != nil {
		r.Transcript = text
	}
}

// Remove takes a company recording out of the account, as if it had been deleted
// long ago.
func (a *Account) Remove(id int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	k := setKey{kind: Company}
	if i, r := a.find(k, id); r != nil {
		a.remove(k, i)
	}
}

// Generate adds n company recordings, one every step back from newest, and
// returns them, the oldest first. Ids grow with time.
func (a *Account) Generate(n int, newest time.Time, step time.Duration) []Recording {
	out := make([]Recording, n)
	for i := range out {
		out[i] = Recording{ID: int64(100001 + i), Start: newest.Add(-step * time.Duration(n-1-i))}
		out[i].setDefaults(a.cfg.SelfUser)
	}
	a.Add(out...)
	return out
}

// sorted returns the collection in order. The caller holds mu.
func (a *Account) sorted(k setKey) []*Recording {
	s := a.sets[k]
	if s == nil {
		return nil
	}
	if s.unsorted {
		sort.Slice(s.recordings, func(i, j int) bool { return s.recordings[i].before(s.recordings[j]) })
		s.unsorted = false
	}
	return s.recordings
}

// find returns a recording and its place. The caller holds mu.
func (a *Account) find(k setKey, id int64) (int, *Recording) {
	all := a.sorted(k)
	if all == nil || a.sets[k].byID[id] == nil {
		return -1, nil
	}
	r := a.sets[k].byID[id]
	return sort.Search(len(all), func(i int) bool { return !all[i].before(r) }), r
}

// remove deletes a recording. The caller holds mu.
func (a *Account) remove(k setKey, i int) {
	s := a.sets[k]
	a.deleted = append(a.deleted, *s.recordings[i])
	delete(s.byID, s.recordings[i].ID)
	s.recordings = slices.Delete(s.recordings, i, i+1)
}

// Has reports whether the recording is there. user matters for on-demand only.
func (a *Account) Has(kind Kind, user, id int64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, r := a.find(setKey{kind, user}, id)
	return r != nil
}

// Recordings returns all that are there.
func (a *Account) Recordings() []Recording {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []Recording
	for k := range a.sets {
		for _, r := range a.sorted(k) {
			out = append(out, *r)
		}
	}
	return out
}

// Deleted returns what has been deleted, in that order.
func (a *Account) Deleted() []Recording {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.deleted)
}
