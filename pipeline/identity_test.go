package pipeline

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/progress"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// An id may be given again. What has it now was never archived, and must not
// be deleted on the strength of what had it before: whether the manifest was
// restored from an older copy, or the answer to a DELETE was lost.
func TestReusedIDIsNotDeleted(t *testing.T) {
	for _, restored := range []bool{true, false} {
		for name, again := range map[string]vbctest.Recording{
			"too new to be listed": {ID: 1, Size: 54321, Start: time.Now().UTC().Truncate(time.Second).AddDate(0, 0, -1)},
			"of another time":      {ID: 1, Size: 20_000, Start: time.Now().UTC().Truncate(time.Second).AddDate(-2, 0, 0)},
		} {
			t.Run(name, func(t *testing.T) {
				l := newLab(t, "directory")
				l.fill()
				if restored {
					if _, err := l.run(Options{}); err != nil {
						t.Fatal(err)
					}
					l.copyManifest(l.path, l.path+".older")
					if _, err := l.run(Options{Delete: true}); err != nil {
						t.Fatal(err)
					}
					l.copyManifest(l.path+".older", l.path)
				} else {
					l.losing(1)
				}
				l.account.Add(again)
				if sum, err := l.run(Options{Delete: true, MaxDeletes: new(int)}); err != nil {
					t.Fatalf("%+v, %v", sum, err)
				}
				sum, err := l.run(Options{Delete: true})
				if err != nil || sum.Failed != 0 {
					t.Fatalf("%+v, %v", sum, err)
				}
				if !again.Start.Before(l.cutoff) && !l.account.Has(vbctest.Company, 0, 1) {
					t.Error("LOST: what has the id now was deleted, and never archived")
				}
				l.nothingLost(l.account.Deleted())
			})
		}
	}
}

// losing runs until the DELETE of a recording has taken effect, and each
// answer to it was lost.
func (l *lab) losing(id int64) {
	l.t.Helper()
	l.account.Inject(func(r *http.Request) *vbctest.Fault {
		if r.Method != http.MethodDelete || !strings.HasSuffix(r.URL.Path, "/1") {
			return nil
		}
		return &vbctest.Fault{Reset: true, Apply: l.account.Has(vbctest.Company, 0, id)}
	})
	defer l.account.Inject(nil)
	if sum, err := l.run(Options{Delete: true}); err != nil || sum.Failed != 1 {
		l.t.Fatalf("%+v, %v", sum, err)
	}
}

// What this run's listing shows of a recording counts, not what an earlier one
// did.
func TestChangedRecordingIsNotDeleted(t *testing.T) {
	for name, change := range map[string]func(*vbctest.Recording){
		"unreadable now": func(r *vbctest.Recording) { r.RawStart = "yesterday" },
		"newer now":      func(r *vbctest.Recording) { r.Start = time.Now().UTC().Truncate(time.Second).Add(-time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, "directory")
			rec := l.fill()[0]
			if _, err := l.run(Options{}); err != nil {
				t.Fatal(err)
			}
			l.replace(func(a *vbctest.Account) {
				change(&rec)
				a.Add(rec)
			})
			if sum, err := l.run(Options{Delete: true}); err != nil {
				t.Fatalf("%+v, %v", sum, err)
			}
			if !l.account.Has(vbctest.Company, 0, rec.ID) {
				t.Error("it was deleted, although this run's listing says that it is not eligible")
			}
		})
	}
}

// replace puts other recordings into the account.
func (l *lab) replace(fill func(*vbctest.Account)) {
	l.t.Helper()
	l.account = vbctest.New(vbctest.Config{IgnoreStartFilter: true})
	fill(l.account)
}

// A copy that had to be made anew is no week old.
func TestDeleteAfterCountsFromTheNewCopy(t *testing.T) {
	l := newLab(t, "directory")
	all := l.fill()
	if _, err := l.run(Options{}); err != nil {
		t.Fatal(err)
	}
	l.damage(all, 0)
	sum, err := l.run(Options{Delete: true, DeleteAfter: time.Nanosecond, Workers: 1})
	if err != nil || sum.Deleted != 1 || sum.Skipped != 1 || sum.Downloads != 1 {
		t.Errorf("%+v, %v; want the damaged one held back", sum, err)
	}
	l.nothingLost(all)
}

// Two downloads that agree prove nothing if both are too short.
func TestTooShortTwiceIsNotAccepted(t *testing.T) {
	l := newLab(t, "directory")
	l.fill()
	l.account.Inject(func(r *http.Request) *vbctest.Fault {
		if strings.Contains(r.URL.Path, "/audio/") {
			return &vbctest.Fault{ShortAfter: 10_000}
		}
		return nil
	})
	sum, err := l.run(Options{Delete: true, AcceptSizeMismatch: true})
	if err != nil || sum.Failed != 2 || len(l.account.Deleted()) != 0 {
		t.Errorf("%+v, %v", sum, err)
	}
}

// A 404 that isn't the application's says nothing; and what is listed still
// afterwards wasn't deleted, whatever the answers were.
func TestEvery404IsLookedAt(t *testing.T) {
	for name, body := range map[string]string{"application": `{"msg":"Account not found"}`, "proxy": "<html>404 Not Found</html>", "ingress": "default backend - 404"} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, "directory")
			all := l.fill()
			l.account.Inject(func(r *http.Request) *vbctest.Fault {
				if r.Method == http.MethodDelete {
					return &vbctest.Fault{Status: 404, Body: body}
				}
				return nil
			})
			sum, err := l.run(Options{Delete: true})
			if err != nil || sum.Complete() || sum.Deleted != 0 || sum.Failed != 2 {
				t.Errorf("%+v, %v", sum, err)
			}
			l.account.Inject(nil)
			if sum, err = l.run(Options{Delete: true}); err != nil || !sum.Complete() {
				t.Errorf("the next run: %+v, %v", sum, err)
			}
			l.allDone(all)
		})
	}
}

// With --users all, recordings of a user who has left are not forgotten.
func TestUserWhoHasLeft(t *testing.T) {
	l := newLab(t, "directory")
	o := Options{Kinds: []vbc.Kind{vbc.OnDemand}, Users: []string{"all"}}
	start := l.cutoff.AddDate(-1, 0, 0).Truncate(time.Second)
	fill := func(a *vbctest.Account) {
		a.Add(vbctest.Recording{Kind: vbctest.OnDemand, User: 11, ID: 1, Start: start})
	}
	l.account = vbctest.New(vbctest.Config{Users: []int64{11}})
	fill(l.account)
	l.account.Inject(func(r *http.Request) *vbctest.Fault {
		if strings.Contains(r.URL.Path, "/audio/") {
			return &vbctest.Fault{Status: 503}
		}
		return nil
	})
	if sum, err := l.run(o); err != nil || sum.Failed != 1 {
		t.Fatalf("%+v, %v", sum, err)
	}
	l.replace(fill)
	if sum, err := l.run(o); err != nil || sum.Archived != 1 {
		t.Errorf("%+v, %v; it was forgotten", sum, err)
	}
}

// Of two copies the first may be damaged: a recording is gone only if none is
// whole.
func TestFoundBesideADamagedCopy(t *testing.T) {
	l := newLab(t, "directory")
	all := l.fill()
	if _, err := l.run(Options{}); err != nil {
		t.Fatal(err)
	}
	l.damage(all, 0)
	l.forget() // without it, nobody knows that the copy was whole once: the new one goes beside
	if sum, err := l.run(Options{Delete: true}); err != nil || sum.Deleted != 2 {
		t.Fatalf("%+v, %v", sum, err)
	}
	l.forget()
	m, err := manifest.Open(t.Context(), l.path)
	if err != nil {
		t.Fatal(err)
	}
	rec := vbc.ParseRecording(vbc.Company, "", l.raw(all[0]))
	err = errors.Join(m.Bind(t.Context(), manifest.Binding{Account: "549825"}))
	if _, e := m.Add(t.Context(), 0, []vbc.Recording{rec}); e != nil || err != nil {
		t.Fatal(e, err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if sum, err := l.run(Options{Delete: true}); err != nil || sum.Failed != 0 || sum.AlreadyArchived != 1 {
		t.Errorf("%+v, %v; the whole copy beside the damaged one wasn't found", sum, err)
	}
}

// raw is what a listing said of a recording, out of its sidecar.
func (l *lab) raw(rec vbctest.Recording) json.RawMessage {
	l.t.Helper()
	for o, err := range l.clean.List(l.t.Context(), l.stem(rec)+".json") {
		body, e := readAll(l.clean, o)
		var has layout.Sidecar
		if err = errors.Join(err, e, json.Unmarshal(body, &has)); err != nil {
			l.t.Fatal(err)
		}
		return has.Recording
	}
	l.t.Fatal("there is no sidecar")
	return nil
}

// expiring is a store whose objects will be removed by a lifecycle rule.
type expiring struct{ storage.Destination }

func (e expiring) Stat(ctx context.Context, o storage.Object) (storage.Object, error) {
	has, err := e.Destination.Stat(ctx, o)
	has.Expires = time.Date(2037, 12, 23, 0, 0, 0, 0, time.UTC)
	return has, err
}

// A copy that is known to expire is looked at again, and takes no turn among
// the requests at VBC for that: at 10 a minute each would cost six seconds.
func TestExpiringCopyTakesNoTurn(t *testing.T) {
	l := newLab(t, "directory")
	l.fill()
	l.faulty = expiring{l.faulty}
	if sum, err := l.run(Options{Delete: true}); err != nil || sum.Failed != 2 || sum.Archived != 2 {
		t.Fatalf("%+v, %v", sum, err)
	}
	m, err := manifest.Open(t.Context(), l.path)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	row, err := m.Get(t.Context(), vbc.Company, "", 1)
	if err != nil {
		t.Fatal(err)
	}
	client, err := vbc.New(vbc.Options{URL: l.api, Username: "admin", Password: "correct horse", ClientID: "client", ClientSecret: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	parts := Parts{VBC: client, Store: l.faulty, Manifest: m, Log: slog.New(slog.DiscardHandler), Stats: &progress.Stats{}}
	r := newRun(parts, Options{Delete: true, Cutoff: l.cutoff})
	defer r.drainAfter(t.Context())()
	r.id = row.SeenRun
	l.account.ResetCounts()
	if err := r.purge(t.Context(), &item{Row: row}); !isA[*expiringError](err) {
		t.Errorf("%v", err)
	}
	if n := l.account.Counts().Total; n != 0 { // a slot would have asked for a token
		t.Errorf("%d requests", n)
	}
}

// What --plan writes is what --dry-run counts, leftovers and --max-deletes
// included.
func TestPlanIsWhatTheDryRunCounts(t *testing.T) {
	l := newLab(t, "directory")
	all := l.fill()
	if _, err := l.run(Options{}); err != nil {
		t.Fatal(err)
	}
	l.replace(func(a *vbctest.Account) { a.Add(all[0]) }) // the other one is left over
	m, err := manifest.OpenReadOnly(t.Context(), l.path)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	client, err := vbc.New(vbc.Options{URL: l.api, Username: "admin", Password: "correct horse", ClientID: "client", ClientSecret: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	one := 1
	for limit, want := range map[*int]int64{nil: 2, &one: 1} {
		var file bytes.Buffer
		p, err := DryRun(t.Context(), Parts{VBC: client, Manifest: m, Log: slog.New(slog.DiscardHandler), Stats: &progress.Stats{}},
			Options{Account: "self", Cutoff: l.cutoff, Delete: true, MaxDeletes: limit}, &file, "d")
		if err != nil || p.ToDelete != want || p.HeldBack != 2-want || p.Leftovers != 1 {
			t.Fatalf("%+v, %v", p, err)
		}
		if read, err := ReadPlan(&file); err != nil || read.Count != want || read.Account != "549825" || read.Destination != "d" {
			t.Errorf("%+v, %v", read, err)
		}
	}
}
