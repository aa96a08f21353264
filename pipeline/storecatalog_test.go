package pipeline

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/catalog"
	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// catalogIsCurrent fails unless each month's file is what the manifest says,
// and that knows it.
func (l *lab) catalogIsCurrent() {
	l.t.Helper()
	ctx := l.t.Context()
	m, err := manifest.OpenReadOnly(ctx, l.path)
	if err != nil {
		l.t.Fatal(err)
	}
	defer m.Close()
	months, err := m.Months(ctx)
	if err != nil || len(months) == 0 {
		l.t.Fatalf("%v, %v", months, err)
	}
	for _, month := range months {
		var want bytes.Buffer
		if n, err := catalog.Write(&want, catalog.Parquet, catalog.All(m.Of(ctx, month))); n == 0 || err != nil {
			l.t.Errorf("%s has %d entries, %v", month, n, err)
		}
		got, err := readAll(l.clean, storage.Object{Key: layout.CatalogKey("549825", month)})
		if err != nil || !bytes.Equal(got, want.Bytes()) || month.Stale() {
			l.t.Errorf("%s: %d bytes, want %d, %v; stale: %v", month, len(got), want.Len(), err, month.Stale())
		}
	}
}

// The process ends at each durable step of a run that changes a catalogue. The
// next run brings it up to date, and nothing else suffers.
func TestCrashWithACatalog(t *testing.T) {
	t.Parallel()
	o := Options{Delete: true, Catalog: true, Workers: 1}
	prepare := func(t *testing.T) (*lab, []vbctest.Recording) {
		l := newLab(t, "directory")
		old := l.cutoff.AddDate(-1, 0, 0).Truncate(time.Second)
		l.account.Add(vbctest.Recording{ID: 1, Start: old, Size: 1000})
		all := l.account.Recordings()
		if sum, err := l.run(o); err != nil || sum.Deleted != 1 || !sum.Complete() {
			t.Fatalf("%+v, %v", sum, err)
		}
		l.catalogIsCurrent()
		l.account.Add(vbctest.Recording{ID: 2, Start: old.Add(time.Second), Size: 1000}) // of the same month, but for a second in a year
		l.reset(nil)
		return l, append(all, l.account.Recordings()...)
	}
	l, all := prepare(t)
	if sum, err := l.run(o); err != nil || sum.Deleted != 1 {
		t.Fatalf("%+v, %v", sum, err)
	}
	l.allDone(all)
	l.catalogIsCurrent()
	steps := l.steps
	for step := 1; step <= steps; step++ {
		for f := lost; f < afterAll; f++ {
			t.Run(fmt.Sprintf("step %d fate %d", step, f), func(t *testing.T) {
				l, all := prepare(t)
				l.reset(func(s int) (fate, bool) { return map[bool]fate{true: f}[s == step], s == step })
				_, _ = l.run(o) // it dies
				l.nothingLost(all)
				l.reset(nil)
				if sum, err := l.run(o); err != nil || !sum.Complete() {
					t.Errorf("the next run: %+v, %v", sum, err)
				}
				l.allDone(all)
				l.catalogIsCurrent()
			})
		}
	}
}

// What is replaced in a store is what is known to be ours and damaged, what isn't
// what the digest in its name says, an end of a hold that says nothing, and the
// catalogue: nothing else says Replace, and nothing else is derived.
func TestNothingElseIsReplaced(t *testing.T) {
	want := []string{"archive/catalog.go", "archive/catalog.go", "archive/holds.go", "archive/receipts.go", "archive/receipts.go", "occupied.go"}
	for i := range want {
		want[i] = "../pipeline/" + want[i]
	}
	if got := calls(t, `(return|=|,) storage\.Replace\b`); !slices.Equal(got, want) {
		t.Errorf("objects are replaced in %q", got)
	}
	if got := calls(t, `\.putDerived\(|Derived: +true`); !slices.Equal(got, []string{"../pipeline/archive/catalog.go", "../pipeline/archive/catalog.go", "../pipeline/archive/catalog.go"}) {
		t.Errorf("objects are derived in %q", got)
	}
	if got := calls(t, `putDerived\(ctx, layout\.(CatalogKey|KeeperKey)\(`); len(got) != 2 {
		t.Errorf("something else than the catalogue is derived: %q", got)
	}
}
