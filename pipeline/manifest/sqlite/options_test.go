package sqlite

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/vbc"
)

// everyOption has a value in each field.
func everyOption() manifest.RunOptions {
	few := 7
	return manifest.RunOptions{
		Form: 1, Version: "1.2.3", Account: "549825",
		Cutoff: time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC), OlderThan: manifest.Seconds(90 * 24 * time.Hour), Since: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC),
		Kinds: []vbc.Kind{vbc.Company, vbc.OnDemand}, Users: []string{"self", "745249"}, Filter: "call_direction=INBOUND",
		Delete: true, DeleteAfter: manifest.Seconds(7 * 24 * time.Hour), MaxDeletes: &few, Plan: strings.Repeat("ab", 32),
		NoTranscripts: true, Catalog: true, RetryFailed: true, MaxFailures: 20,
		AcceptSizeMismatch: true, AcceptFormat: true, AcceptEqualAudio: true, AllowExpiring: true, ReadBack: "auto", Moved: true, TrustArchive: true,
		Fetch: "export", SpoolDir: "/mnt/scratch", ExportLimit: 2 << 30, FullScan: true, FullScanEvery: manifest.Seconds(30 * 24 * time.Hour),
		MaxWait: manifest.Seconds(2 * time.Hour), Drain: manifest.Seconds(1500 * time.Millisecond), Workers: 8, PageSize: 1000,
	}
}

// The form in which options are written is a contract with later programs and
// with whoever reads status --json.
func TestOptionsHaveADeclaredForm(t *testing.T) {
	t.Parallel()
	all := everyOption()
	for v, i := reflect.ValueOf(all), 0; i < v.NumField(); i++ {
		if v.Field(i).IsZero() {
			t.Errorf("the example has no %s", v.Type().Field(i).Name)
		}
	}
	golden, err := os.ReadFile(filepath.Join("testdata", "options.json"))
	if err != nil {
		t.Fatal(err)
	}
	written, err := all.Written()
	if err != nil {
		t.Fatal(err)
	}
	var lines bytes.Buffer
	if err := json.Indent(&lines, written, "", "\t"); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(golden), lines.String()+"\n"); d != "" {
		t.Errorf("the form has changed (-testdata/options.json +now):\n%s", d)
	}
	m, err := Open(t.Context(), filepath.Join(t.TempDir(), "m"))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if _, err := m.BeginRun(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	runs, err := m.Runs(t.Context(), 1)
	if err != nil || len(runs) != 1 {
		t.Fatalf("%v, %v", runs, err)
	}
	if d := cmp.Diff(&all, runs[0].Options); d != "" {
		t.Errorf("written, and read again: %s", d)
	}
}

// What earlier programs wrote is read; what nobody can read is nil, and no error.
func TestUndeclaredOptionsAreRead(t *testing.T) {
	t.Parallel()
	few := 3
	cutoff := time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC)
	m, err := Open(t.Context(), filepath.Join(t.TempDir(), "m"))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for written, want := range map[string]*manifest.RunOptions{
		`{"Account":"self","Cutoff":"2026-08-01T00:00:00Z","Since":"0001-01-01T00:00:00Z","Kinds":["company"],"Users":["self"],"Catalog":false,"Delete":true,
			"DeleteAfter":604800000000000,"MaxDeletes":3,"MaxFailures":20,"ReadBack":"auto","Fetch":"auto","ExportLimit":2147483648,"Workers":8,
			"Version":"v1","Drain":30000000000,"Pauses":null,"Filter":"call_direction=INBOUND"}`: {
			Account: "self", Cutoff: cutoff, Kinds: []vbc.Kind{vbc.Company}, Users: []string{"self"}, Filter: "call_direction=INBOUND", Delete: true,
			DeleteAfter: manifest.Seconds(7 * 24 * time.Hour), MaxDeletes: &few, MaxFailures: 20, ReadBack: "auto", Fetch: "auto", ExportLimit: 2 << 30, Workers: 8,
			Version: "v1", Drain: manifest.Seconds(30 * time.Second),
		},
		`{"Cutoff":"2026-08-01T00:00:00Z","Filter":{"Direction":"INBOUND","CallerID":""}}`: {Cutoff: cutoff, Filter: "call_direction=INBOUND"},
		`{"Cutoff":"2026-08-01T00:00:00Z"}`:                                                {Cutoff: cutoff}, // its filter was erased
		`{}`:                                                                               nil,
		`nonsense`:                                                                         nil,
		`{"Cutoff":"2026-08-01T00:00:00Z","Filter":7}`:                                     nil,
	} {
		if err := m.exec(t.Context(), "INSERT INTO run (started, options) VALUES (1, ?)", written); err != nil {
			t.Fatal(err)
		}
		runs, err := m.Runs(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, runs[0].Options); d != "" {
			t.Errorf("%s: %s", written, d)
		}
	}
}
