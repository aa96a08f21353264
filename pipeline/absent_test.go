package pipeline

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/refusal"
	"github.com/vbcvault/vbcvault/vbc"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// notFounds are the shapes that a 404 of a recording may have. No document says
// which is VBC's.
var notFounds = map[string]vbctest.Fault{
	"the application's":    {Status: 404, Body: `{"msg":"Recording not found","status":404}`},
	"the gateway's fault":  {Status: 404, Body: `{"fault":{"code":404,"message":"Not Found","description":"no such resource"}}`},
	"a wrong route":        {Status: 404, Body: `{"code":"404","type":"Status report","message":"Runtime Error","description":"No matching resource found for given API Request"}`},
	"another gateway's":    {Status: 404, Body: `{"message":"no Route matched with those values"}`},
	"a proxy's page":       {Status: 404, Body: `<html><body>404 Not Found</body></html>`},
	"XML":                  {Status: 404, Body: `<am:fault><am:code>404</am:code><am:message>Not Found</am:message></am:fault>`},
	"nothing":              {Status: 404},
	"text":                 {Status: 404, Body: `default backend - 404`},
	"gone for good":        {Status: 410, Body: `{"msg":"Recording was deleted"}`},
	"a number and no word": {Status: 404, Body: `404`},
}

var itemPath = regexp.MustCompile(`call_recordings/[0-9]+$`)

func isItem(r *http.Request) bool {
	return r.Method == http.MethodGet && itemPath.MatchString(r.URL.Path)
}

// idOf is the id of the recording that a request is for.
func idOf(r *http.Request) (id int64) {
	_, _ = fmt.Sscan(r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:], &id)
	return id
}

func (l *lab) count(match func(*http.Request) bool, f func(*http.Request) *vbctest.Fault) *int {
	n := new(int)
	l.account.Inject(func(r *http.Request) *vbctest.Fault {
		if match(r) {
			l.mu.Lock()
			*n++
			l.mu.Unlock()
			return f(r)
		}
		return nil
	})
	return n
}

// begun has a run begin the deletion of n recordings and never hear what became
// of them: VBC has carried them out. others stay.
func (l *lab) begun(n int) (begun, others []vbctest.Recording) {
	l.t.Helper()
	start := l.cutoff.AddDate(-1, 0, 0).Truncate(time.Second)
	for i := range n {
		begun = append(begun, vbctest.Recording{Kind: vbctest.Company, ID: int64(1000 + i), Size: 2000, Start: start.Add(time.Duration(2*i) * time.Minute)})
		others = append(others, vbctest.Recording{Kind: vbctest.Company, ID: int64(5000 + i), Size: 2000, Start: start.Add(time.Duration(2*i+1) * time.Minute)})
	}
	l.account.Add(begun...)
	l.account.Add(vbctest.Recording{ID: 9000, Size: 2000, Start: l.cutoff.Add(time.Hour)})
	l.account.Inject(func(r *http.Request) *vbctest.Fault {
		if r.Method == http.MethodDelete {
			return &vbctest.Fault{Reset: true, Apply: l.account.Has(vbctest.Company, 0, idOf(r))}
		}
		return nil
	})
	if sum, err := l.run(Options{Delete: true}); err != nil || sum.Failed != int64(n) || len(l.account.Deleted()) != n {
		l.t.Fatalf("%+v, %v, %d deleted", sum, err, len(l.account.Deleted()))
	}
	l.account.Inject(nil)
	return begun, others
}

func (l *lab) states() (n map[manifest.State]int64) {
	l.t.Helper()
	m, err := manifest.OpenReadOnly(l.t.Context(), l.path)
	if err != nil {
		l.t.Fatal(err)
	}
	defer m.Close()
	n = map[manifest.State]int64{}
	for row, err := range m.Search(l.t.Context(), manifest.Query{}) {
		if err != nil {
			l.t.Fatal(err)
		}
		n[row.State]++
	}
	return n
}

// What a listing of the same run shows without the recordings whose deletion was
// begun decides, and no request for one of them is sent.
func TestBegunDeletionsAreSettledByTheListing(t *testing.T) {
	t.Parallel()
	for _, del := range []bool{true, false} {
		l := newLab(t, "directory")
		_, others := l.begun(25)
		l.account.Add(others...)
		answer := notFounds["the gateway's fault"]
		asked := l.count(isItem, func(*http.Request) *vbctest.Fault { return &answer })
		sum, err := l.run(Options{Delete: del, MaxFailures: 20})
		if err != nil || !sum.Complete() || *asked != 0 {
			t.Errorf("delete %v: %+v, %v; %d requests for single recordings, want none", del, sum, err, *asked)
		}
		if n := l.states(); n[manifest.Purging] != 0 || n[manifest.Purged] < 25 {
			t.Errorf("delete %v: %v", del, n)
		}
		l.nothingLost(append(others, l.account.Deleted()...))
	}
}

// Where no listing covers them, the same request for a recording that is there
// tells what a 404 means, whatever it looks like.
func TestA404IsComparedWithAControl(t *testing.T) {
	t.Parallel()
	for name, answer := range notFounds {
		for how, o := range map[string]Options{
			"the listing is filtered":  {Filter: vbc.Filter{CNAM: "nobody"}},
			"it begins later":          {Since: time.Now().AddDate(0, -4, 0)},
			"it shows nothing at all":  {},
			"it is about other kinds":  {Kinds: []vbc.Kind{vbc.OnDemand}},
			"it has begun a deletion":  {Delete: true},
			"filtered, with deletions": {Delete: true, Filter: vbc.Filter{CNAM: "nobody"}},
		} {
			if name != "the gateway's fault" && how != "it begins later" {
				continue // each shape once, and each reason once
			}
			t.Run(name+", "+how, func(t *testing.T) {
				t.Parallel()
				l := newLab(t, "directory")
				l.begun(3)
				l.count(isItem, func(r *http.Request) *vbctest.Fault {
					if l.account.Has(vbctest.Company, 0, idOf(r)) {
						return nil
					}
					return &answer
				})
				if sum, err := l.run(o); err != nil || !sum.Complete() {
					t.Errorf("%+v, %v", sum, err)
				}
				if n := l.states(); n[manifest.Purged] != 3 {
					t.Errorf("%v", n)
				}
			})
		}
	}
}

// An address that brings 404 for what is there says nothing of what isn't: nothing
// is decided, the run comes to its end, and a few requests are enough to know.
func TestA404OfEverythingDecidesNothing(t *testing.T) {
	t.Parallel()
	for name, answer := range notFounds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, "directory")
			l.begun(25)
			l.count(isItem, func(*http.Request) *vbctest.Fault { return &answer })
			sum, err := l.run(Options{Filter: vbc.Filter{CNAM: "nobody"}, MaxFailures: 20})
			if err != nil || sum.Failed != 25 {
				t.Errorf("%+v, %v", sum, err)
			}
			if n := l.states(); n[manifest.Purging] != 25 {
				t.Errorf("%v", n)
			}
			l.account.Inject(nil)
			if sum, err := l.run(Options{}); err != nil || !sum.Complete() {
				t.Errorf("the next run: %+v, %v", sum, err)
			}
		})
	}
}

// A DELETE that takes effect and is answered 404, in whatever shape, is done; one
// that is answered 404 and has none isn't. The listing at the end tells.
func TestA404OfADeleteIsDecidedByTheListing(t *testing.T) {
	t.Parallel()
	for name, answer := range notFounds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, "directory")
			start := l.cutoff.AddDate(-1, 0, 0).Truncate(time.Second)
			for i := range 6 {
				l.account.Add(vbctest.Recording{ID: int64(i + 1), Size: 2000, Start: start.Add(time.Duration(i) * time.Minute)})
			}
			all := l.account.Recordings()
			isDelete := func(r *http.Request) bool { return r.Method == http.MethodDelete }
			l.count(isDelete, func(r *http.Request) *vbctest.Fault {
				f := answer
				f.Apply = idOf(r)%2 == 0
				return &f
			})
			sum, err := l.run(Options{Delete: true})
			if err != nil || sum.Deleted != 3 || sum.Failed != 3 {
				t.Errorf("%+v, %v", sum, err)
			}
			if n := l.states(); n[manifest.Purged] != 3 || n[manifest.Purging] != 0 {
				t.Errorf("%v", n)
			}
			l.account.Inject(nil)
			if sum, err = l.run(Options{Delete: true}); err != nil || !sum.Complete() {
				t.Errorf("the next run: %+v, %v", sum, err)
			}
			l.allDone(all)
		})
	}
}

// Where no DELETE has an effect, twenty are enough to know that.
func TestDeletesInVainEndTheRun(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"the application's", "a wrong route"} {
		l := newLab(t, "directory")
		all := l.account.Generate(60, l.cutoff.AddDate(-1, 0, 0).Truncate(time.Second), time.Minute)
		answer := notFounds[name]
		sent := l.count(func(r *http.Request) bool { return r.Method == http.MethodDelete }, func(*http.Request) *vbctest.Fault { return &answer })
		_, err := l.run(Options{Delete: true, MaxFailures: 20, Workers: 2})
		if !isA[*refusal.Refusal](err) || *sent > 25 {
			t.Errorf("%s: %v after %d DELETEs", name, err, *sent)
		}
		l.account.Inject(nil)
		if sum, err := l.run(Options{Delete: true}); err != nil || !sum.Complete() {
			t.Errorf("the next run: %+v, %v", sum, err)
		}
		l.allDone(all)
	}
}

// A listing that hides a recording, or shows its id with something that can't be
// read, is no witness against it.
func TestAListingWithGapsIsNoWitness(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(l *lab, rec *vbctest.Recording){
		"hidden, and counted": func(l *lab, rec *vbctest.Recording) {
			l.account.Inject(func(r *http.Request) *vbctest.Fault {
				if strings.HasSuffix(r.URL.Path, "call_recordings") {
					return &vbctest.Fault{Hide: rec.ID}
				}
				return nil
			})
		},
		"its start can't be read": func(_ *lab, rec *vbctest.Recording) { rec.RawStart = "yesterday" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, "directory")
			begun, others := l.begun(4)
			rec := begun[1]
			l.replace(func(a *vbctest.Account) {
				a.Add(others...)
				change(l, &rec)
				a.Add(rec)
			})
			_, err := l.run(Options{})
			if err != nil {
				t.Fatal(err)
			}
			m, err := manifest.OpenReadOnly(t.Context(), l.path)
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			row, err := m.Row(t.Context(), vbc.Company, "", rec.ID, 0)
			if err != nil || row.State == manifest.Purged {
				t.Errorf("%v, %v: it counts as deleted", row.State, err)
			}
		})
	}
}

// All was deleted at VBC by other means. One of many is asked for, and the
// account's number, which the manifest knows, of nobody.
func TestDeletedByOtherMeans(t *testing.T) {
	t.Parallel()
	for name, answer := range notFounds {
		for _, others := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, others are left: %v", name, others), func(t *testing.T) {
				t.Parallel()
				l := newLab(t, "directory")
				l.account = vbctest.New(vbctest.Config{ProvisioningForbidden: true})
				all := l.account.Generate(30, l.cutoff.AddDate(-1, 0, 0).Truncate(time.Second), time.Minute)
				if sum, err := l.run(Options{}); err != nil || sum.Archived != 30 {
					t.Fatalf("%+v, %v", sum, err)
				}
				l.account = vbctest.New(vbctest.Config{ProvisioningForbidden: true})
				if others {
					l.account.Add(vbctest.Recording{ID: 7, Start: l.cutoff.AddDate(-2, 0, 0).Truncate(time.Second)})
				}
				asked := l.count(isItem, func(*http.Request) *vbctest.Fault { return &answer })
				sum, err := l.run(Options{Delete: true, MaxFailures: 20, Workers: 1})
				if err != nil || sum.Failed != 0 || len(sum.Problems) != 0 || *asked > 2 {
					t.Errorf("%+v, %v; %d were asked for", sum, err, *asked)
				}
				if n := l.states(); n[manifest.Verified] != 0 || n[manifest.Purged] < 30 {
					t.Errorf("%v", n)
				}
				l.nothingLost(all)
			})
		}
	}
}

// With another account's credentials nothing is decided about this one's.
func TestOtherCredentialsDecideNothing(t *testing.T) {
	t.Parallel()
	l := newLab(t, "directory")
	l.account = vbctest.New(vbctest.Config{ProvisioningForbidden: true})
	l.account.Generate(5, l.cutoff.AddDate(-1, 0, 0).Truncate(time.Second), time.Minute)
	if sum, err := l.run(Options{}); err != nil || sum.Archived != 5 {
		t.Fatalf("%+v, %v", sum, err)
	}
	l.account = vbctest.New(vbctest.Config{Account: 4711, Username: "other@vbc.prod", ProvisioningForbidden: true})
	l.user = "other"
	sum, err := l.run(Options{Delete: true})
	if !isA[*refusal.Refusal](err) && !isA[*manifest.BoundError](err) {
		t.Errorf("%+v, %v", sum, err)
	}
	if n := l.states(); n[manifest.Verified] != 5 {
		t.Errorf("%v, %v", n, errors.Unwrap(err))
	}
}
