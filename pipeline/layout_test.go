package pipeline

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/dirstore"
	"github.com/vbcvault/vbcvault/storage/s3store"
)

const module = "github.com/vbcvault/vbcvault/"

// What each package may import of ours. Imports go one way.
var mayImport = map[string][]string{
	"cmd/vbcvault":                            {"cmd/vbcvault/config", "cmd/vbcvault/holding", "cmd/vbcvault/manpage", "cmd/vbcvault/metrics", "cmd/vbcvault/notify", "cmd/vbcvault/outcome", "cmd/vbcvault/overview", "cmd/vbcvault/report", "cmd/vbcvault/schedule", "cmd/vbcvault/service", "cmd/vbcvault/spelling", "cmd/vbcvault/story", "cmd/vbcvault/web", "cmd/vbcvault/web/access", "cmd/vbcvault/web/state", "pipeline", "pipeline/archive", "pipeline/catalog", "pipeline/check", "pipeline/code", "pipeline/dbfile", "pipeline/index", "pipeline/layout", "pipeline/manifest", "pipeline/manifest/place", "pipeline/manifest/sqlite", "pipeline/progress", "pipeline/proof", "pipeline/prove", "pipeline/rebuild", "pipeline/receipt", "pipeline/refusal", "pipeline/restore", "pipeline/spool", "pipeline/words", "storage", "storage/dirstore", "storage/mount", "storage/ownership", "storage/s3store", "storage/s3store/rights", "vbc", "vbc/vbctest", "vbc/vbctest/calls"},
	"pipeline":                                {"pipeline/archive", "pipeline/code", "pipeline/evidence", "pipeline/flow", "pipeline/layout", "pipeline/manifest", "pipeline/progress", "pipeline/receipt", "pipeline/refusal", "pipeline/retry", "pipeline/spool", "storage", "vbc"},
	"pipeline/archive":                        {"pipeline/catalog", "pipeline/code", "pipeline/evidence", "pipeline/flow", "pipeline/layout", "pipeline/ledger", "pipeline/manifest", "pipeline/receipt", "pipeline/refusal", "storage", "vbc"},
	"pipeline/catalog":                        {"pipeline/manifest", "storage"},
	"pipeline/check":                          {"pipeline/archive", "pipeline/code", "pipeline/evidence", "pipeline/flow", "pipeline/layout", "pipeline/ledger", "pipeline/manifest", "pipeline/receipt", "pipeline/spill", "storage", "vbc"},
	"pipeline/spill":                          {},
	"pipeline/code":                           {},
	"pipeline/evidence":                       {"pipeline/moment", "storage", "vbc"},
	"pipeline/moment":                         {},
	"pipeline/flow":                           {},
	"pipeline/layout":                         {"pipeline/manifest", "pipeline/receipt", "storage", "vbc"},
	"pipeline/ledger":                         {"pipeline/layout", "pipeline/receipt", "storage"},
	"pipeline/manifest":                       {"pipeline/receipt", "storage", "vbc"},
	"pipeline/progress":                       {},
	"pipeline/proof":                          {"pipeline/receipt", "storage", "vbc"},
	"pipeline/prove":                          {"pipeline/archive", "pipeline/code", "pipeline/evidence", "pipeline/ledger", "pipeline/manifest", "pipeline/proof", "pipeline/receipt", "pipeline/refusal", "storage", "vbc"},
	"pipeline/refusal":                        {},
	"pipeline/retry":                          {},
	"pipeline/rebuild":                        {"pipeline/archive", "pipeline/check", "pipeline/evidence", "pipeline/flow", "pipeline/layout", "pipeline/ledger", "pipeline/manifest", "pipeline/receipt", "storage", "vbc"},
	"pipeline/restore":                        {"pipeline/flow", "pipeline/manifest", "pipeline/progress", "pipeline/retry", "storage"},
	"pipeline/spool":                          {"pipeline/manifest"},
	"pipeline/receipt":                        {"storage", "vbc"},
	"pipeline/transcript":                     {"pipeline/words"},
	"pipeline/words":                          {},
	"pipeline/index":                          {"pipeline/flow", "pipeline/layout", "pipeline/manifest", "pipeline/retry", "pipeline/transcript", "storage"},
	"storage":                                 {},
	"storage/dirstore":                        {"storage", "storage/mount"},
	"storage/mount":                           {},
	"storage/s3store":                         {"storage", "storage/s3store/rights"},
	"storage/s3store/rights":                  {},
	"storage/storagetest":                     {"storage"},
	"storage/storagetest/wire":                {},
	"vbc":                                     {},
	"vbc/vbctest":                             {},
	"vbc/vbctest/calls":                       {},
	"cmd/vbcvault/benchloop":                  {}, // what vbcvault is measured beside: not even types of ours
	"storage/ownership":                       {},
	"cmd/vbcvault/config":                     {"cmd/vbcvault/schedule", "cmd/vbcvault/spelling"},
	"cmd/vbcvault/spelling":                   {},
	"cmd/vbcvault/holding":                    {"pipeline/manifest", "pipeline/manifest/place", "pipeline/manifest/sqlite", "storage", "storage/ownership", "vbc"},
	"cmd/vbcvault/outcome":                    {"pipeline"},
	"cmd/vbcvault/overview":                   {"cmd/vbcvault/outcome", "pipeline", "pipeline/code", "pipeline/manifest", "pipeline/manifest/sqlite", "pipeline/receipt"},
	"cmd/vbcvault/metrics":                    {"cmd/vbcvault/outcome", "cmd/vbcvault/overview", "pipeline", "pipeline/code", "pipeline/manifest", "pipeline/progress"},
	"cmd/vbcvault/notify":                     {"cmd/vbcvault/config", "cmd/vbcvault/outcome", "cmd/vbcvault/overview", "pipeline", "pipeline/code", "pipeline/retry", "storage/ownership"},
	"cmd/vbcvault/report":                     {"cmd/vbcvault/overview", "pipeline", "pipeline/check", "pipeline/code", "pipeline/manifest", "pipeline/manifest/place", "pipeline/manifest/sqlite", "pipeline/receipt"},
	"cmd/vbcvault/manpage":                    {},
	"cmd/vbcvault/schedule":                   {},
	"cmd/vbcvault/story":                      {"cmd/vbcvault/overview", "pipeline", "pipeline/code", "pipeline/manifest", "pipeline/receipt", "storage"},
	"cmd/vbcvault/service":                    {"cmd/vbcvault/config", "cmd/vbcvault/metrics", "cmd/vbcvault/notify", "cmd/vbcvault/outcome", "cmd/vbcvault/overview", "cmd/vbcvault/report", "cmd/vbcvault/schedule", "pipeline/code", "pipeline/dbfile", "pipeline/moment", "pipeline/progress", "storage/mount", "storage/ownership"},
	"cmd/vbcvault/web":                        {"cmd/vbcvault/config", "cmd/vbcvault/holding", "cmd/vbcvault/outcome", "cmd/vbcvault/overview", "cmd/vbcvault/report", "cmd/vbcvault/story", "cmd/vbcvault/web/access", "cmd/vbcvault/web/handover", "cmd/vbcvault/web/media", "cmd/vbcvault/web/state", "cmd/vbcvault/web/waveform", "pipeline", "pipeline/catalog", "pipeline/check", "pipeline/code", "pipeline/layout", "pipeline/manifest", "pipeline/manifest/sqlite", "pipeline/proof", "pipeline/prove", "pipeline/receipt", "pipeline/refusal", "pipeline/transcript", "pipeline/words", "storage", "vbc"},
	"cmd/vbcvault/web/access":                 {"cmd/vbcvault/config", "cmd/vbcvault/web/state", "pipeline/manifest"},
	"cmd/vbcvault/web/handover":               {"pipeline/catalog", "pipeline/code", "pipeline/manifest", "pipeline/proof", "pipeline/prove", "pipeline/refusal", "storage"},
	"cmd/vbcvault/web/media":                  {"storage"},
	"cmd/vbcvault/web/state":                  {"pipeline/dbfile", "storage/mount", "storage/ownership"},
	"cmd/vbcvault/web/waveform":               {},
	"pipeline/manifest/manifesttest":          {"pipeline/manifest", "pipeline/receipt", "pipeline/words", "storage", "vbc"},
	"pipeline/manifest/sqlite":                {"pipeline/code", "pipeline/dbfile", "pipeline/manifest", "pipeline/receipt", "pipeline/words", "storage", "storage/mount", "storage/ownership", "vbc"},
	"pipeline/manifest/postgres":              {"pipeline/code", "pipeline/manifest", "pipeline/manifest/sqlite", "pipeline/moment", "pipeline/receipt", "pipeline/words", "storage", "vbc"},
	"pipeline/manifest/place":                 {"pipeline/manifest", "pipeline/manifest/postgres", "pipeline/manifest/sqlite", "pipeline/receipt", "storage"},
	"pipeline/manifest/postgres/postgrestest": {"pipeline/manifest/postgres"},
	"pipeline/dbfile":                         {},
}

func TestImportsGoOneWay(t *testing.T) {
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "./...")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(p.ImportPath, module)
		allowed, known := mayImport[name]
		if !known {
			t.Errorf("package %s is not in the layout: say where it belongs", name)
		}
		for _, i := range p.Imports {
			if ours, ok := strings.CutPrefix(i, module); ok && !slices.Contains(allowed, ours) {
				t.Errorf("%s imports %s", name, ours)
			}
		}
	}
}

// What the rooms beside the run may know of VBC: what a recording is, and what is written
// of a quota. Whoever knows no more can't ask it for anything.
var knownOfVBC = []string{"Company", "Filter", "FormatTime", "KeptQuota", "Key", "Kind", "MaxRecording", "OnDemand", "ParseRecording", "ParseTime", "Quota", "Recording"}

func TestOnlyTheRunAsksVBC(t *testing.T) {
	rooms, err := filepath.Glob("*/*.go")
	if err != nil || len(rooms) < 50 {
		t.Fatalf("%d files, %v", len(rooms), err)
	}
	deeper, err := filepath.Glob("*/*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range slices.Concat(rooms, deeper) {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range file.Imports {
			if i.Path.Value == strconv.Quote(module+"vbc") && i.Name != nil {
				t.Errorf("%s imports vbc as %s, which hides what it takes of it", path, i.Name.Name)
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				if of, ok := s.X.(*ast.Ident); ok && of.Name == "vbc" && !slices.Contains(knownOfVBC, s.Sel.Name) {
					t.Errorf("%s knows vbc.%s", path, s.Sel.Name)
				}
			}
			return true
		})
	}
}

// calls finds calls of a method in the product's own code.
func calls(t *testing.T, pattern string) []string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	var found []string
	err := filepath.WalkDir("..", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") ||
			strings.Contains(path, "test/") || strings.Contains(path, "bench/") {
			return err
		}
		b, err := os.ReadFile(path)
		for range re.FindAll(b, -1) {
			found = append(found, filepath.ToSlash(path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// The DELETE is sent from one place, and evidence is made in one.
func TestOneWayToDelete(t *testing.T) {
	if got := calls(t, `[^s]\.Delete\(`); !slices.Equal(got, []string{"../pipeline/purge.go"}) {
		t.Errorf("a recording is deleted in %q", got)
	}
	if got := calls(t, `r\.delete\(`); !slices.Equal(got, []string{"../pipeline/purge.go"}) {
		t.Errorf("delete is called in %q", got)
	}
	if got := calls(t, `evidence\.Verify\(`); !slices.Equal(got, []string{"../pipeline/archive/prove.go"}) {
		t.Errorf("evidence is made in %q", got)
	}
	if got := calls(t, `\brun\{`); len(got) != 1 {
		t.Errorf("runs are made in %q: one that is half made has methods that mustn't be called", got)
	}
	if got := calls(t, `MethodDelete`); !slices.Equal(got, []string{"../cmd/vbcvault/benchloop/vbc.go", "../vbc/delete.go", "../vbc/slot.go"}) { // the first is no part of the program
		t.Errorf("a DELETE is made in %q", got)
	}
	if got := calls(t, `DeleteObjects?\(`); !slices.Equal(got, []string{"../storage/s3store/erase.go"}) {
		t.Errorf("objects are deleted in %q", got)
	}
	if got := calls(t, `NewEraser\(s\),`); !slices.Equal(got, []string{"../cmd/vbcvault/erase.go", "../cmd/vbcvault/erase.go"}) {
		t.Errorf("an eraser is made in %q", got)
	}
}

func TestStoreCannotDelete(t *testing.T) {
	for _, typ := range []reflect.Type{reflect.TypeFor[storage.Store](), reflect.TypeFor[storage.Destination](), reflect.TypeFor[*s3store.Store](), reflect.TypeFor[*dirstore.Store]()} {
		for i := range typ.NumMethod() {
			if name := typ.Method(i).Name; regexp.MustCompile(`(?i)delete|remove|erase`).MatchString(name) {
				t.Errorf("%v has a method %s", typ, name)
			}
		}
	}
}
