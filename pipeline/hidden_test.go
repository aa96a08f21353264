package pipeline

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/vbc"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// hides has VBC show nothing of what it has, as to a user whose rights were taken
// away: listings are empty, and all else is not found.
func (l *lab) hides() {
	l.account.Inject(func(r *http.Request) *vbctest.Fault {
		if strings.Contains(r.URL.Path, "transcription") || r.Method == http.MethodPost {
			return nil
		}
		if strings.HasSuffix(r.URL.Path, "call_recordings") {
			return &vbctest.Fault{Status: 200, Body: `{"_embedded":{"recordings":[]},"page":1,"page_size":100,"total_items":0,"total_pages":0}`}
		}
		answer := notFounds["the application's"]
		return &answer
	})
}

// A VBC that shows nothing at all says nothing of a recording that was never
// archived: it isn't written off, and when VBC shows it again, it is archived.
func TestNothingShownWritesNothingOff(t *testing.T) {
	t.Parallel()
	for _, del := range []bool{false, true} {
		l := newLab(t, "directory")
		start := l.cutoff.AddDate(-1, 0, 0).Truncate(time.Second)
		l.account.Add(vbctest.Recording{ID: 1, Size: 2000, Start: start}, vbctest.Recording{ID: 2, Size: 2000, Start: start.Add(200 * 24 * time.Hour)})
		all := l.account.Recordings()
		l.account.Inject(func(r *http.Request) *vbctest.Fault {
			if strings.Contains(r.URL.Path, "/audio/recording/1") {
				return &vbctest.Fault{Status: 500}
			}
			return nil
		})
		if sum, err := l.run(Options{Delete: del}); err != nil || sum.Failed != 1 || sum.Archived != 1 {
			t.Fatalf("%+v, %v", sum, err)
		}
		l.hides()
		if sum, err := l.run(Options{Delete: del}); err != nil || sum.Complete() {
			t.Errorf("delete %v, hidden: %+v, %v", del, sum, err)
		}
		if n := l.states(); n[manifest.Gone] != 0 {
			t.Errorf("delete %v, hidden: %v", del, n)
		}
		l.account.Inject(nil)
		for range 2 {
			if sum, err := l.run(Options{FullScanEvery: 30 * 24 * time.Hour}); err != nil || !sum.Complete() {
				t.Errorf("delete %v, shown again: %+v, %v", del, sum, err)
			}
		}
		for _, rec := range all {
			if !l.holds(rec) {
				t.Errorf("delete %v: recording %d isn't archived, and the run says that all is done", del, rec.ID)
			}
		}
	}
}

// A copy that is damaged makes its recording worth a request: what a listing
// leaves out may be there all the same, and be the last copy.
func TestDamagedAndHiddenIsAskedFor(t *testing.T) {
	t.Parallel()
	for _, del := range []bool{true, false} {
		l := newLab(t, "directory")
		begun, others := l.begun(2)
		l.account.Add(others...)
		l.account.Add(begun[0]) // its deletion had no effect
		l.damage(begun, 0)
		hiding := vbctest.New(vbctest.Config{})
		hiding.Add(others...)
		l.account.Inject(func(r *http.Request) *vbctest.Fault {
			if !strings.HasSuffix(r.URL.Path, "call_recordings") {
				return nil
			}
			w := httptest.NewRecorder()
			r.Header.Set("Authorization", hidingToken(t, hiding))
			hiding.ServeHTTP(w, r.Clone(r.Context()))
			return &vbctest.Fault{Status: w.Code, Body: w.Body.String()}
		})
		if sum, err := l.run(Options{Delete: del}); err != nil {
			t.Errorf("delete %v: %+v, %v", del, sum, err)
		}
		m, err := sqlite.OpenReadOnly(t.Context(), l.path)
		if err != nil {
			t.Fatal(err)
		}
		row, err := m.Row(t.Context(), vbc.Key{Kind: vbc.Company, ID: begun[0].ID}, 0)
		m.Close()
		if err != nil || l.has(begun[0]) && row.State == manifest.Purged || row.Damaged != "" {
			t.Errorf("delete %v: %v, %q, %v: VBC has it, and its copy is damaged", del, row.State, row.Damaged, err)
		}
		l.nothingLost(append(begun[:1], others...))
	}
}

// hidingToken is what requests to another account carry.
func hidingToken(t *testing.T, a *vbctest.Account) string {
	t.Helper()
	form := url.Values{"grant_type": {"password"}, "username": {"admin@vbc.prod"}, "password": {"correct horse"}, "client_id": {"client"}, "client_secret": {"secret"}}
	r := httptest.NewRequest(http.MethodPost, "/token", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	var answer struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || answer.Token == "" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	return "Bearer " + answer.Token
}
