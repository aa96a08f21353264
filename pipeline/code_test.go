package pipeline

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/evidence"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/refusal"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// Each kind of failure has a code of its own, which is in the list, whatever
// stands around it; and all that the list has can be had.
func TestEveryFailureHasACode(t *testing.T) {
	t.Parallel()
	kinds := []error{
		&transcriptError{&vbc.Error{Status: 404}}, &deletionError{&vbc.Error{Status: 409}}, &notAudioError{What: "text/html"}, &notAudioError{What: "x", Odd: true}, &sizeError{},
		&vbc.NotTranscriptError{}, errSeveralTranscripts, &storage.OccupiedError{}, &evidence.Mismatch{}, &evidence.Unprotected{}, &evidence.StaleError{},
		&evidence.Changed{}, &manifest.StateError{}, &manifest.HeldError{}, &manifest.AlikeError{}, &manifest.SuspectError{}, &alikeError{},
		&vbc.ForeignHostError{}, vbc.ErrNoAddress, &expiringError{}, errGone, errReappeared, &unclearError{Err: &vbc.Error{Status: 404}},
		&vbc.Error{Malformed: true}, &vbc.Error{Status: 404}, fmt.Errorf("store it: %w", storage.ErrRefused), &storeError{fmt.Errorf("read it: %w", storage.ErrCold)}, &storeError{errors.New("no space")}, errors.New("reset"),
	}
	had := map[string]bool{}
	for _, err := range kinds {
		word := codeOf(fmt.Errorf("recording 7: %w", err))
		about := code.About(code.Failures, word)
		if about.Code == "" || had[about.Code] {
			t.Errorf("%T %v has the code %q, which isn't listed, or another's too", err, err, word)
		}
		had[about.Code] = true
	}
	for _, e := range code.Failures {
		if !had[e.Code] {
			t.Errorf("%q is listed, and no failure has it", e.Code)
		}
	}
}

// Troubles have the codes that the list has.
func TestEveryTroubleHasACode(t *testing.T) {
	t.Parallel()
	all := []string{manifest.Unreadable, manifest.NotShown, manifest.Unlisted, manifest.Vanished, manifest.NoUsers, manifest.Transcripts, manifest.Other}
	for _, c := range all {
		if code.About(code.Troubles, c).Code != c {
			t.Errorf("%q isn't listed", c)
		}
	}
	if len(all) != len(code.Troubles) {
		t.Errorf("%d are listed, and there are %d", len(code.Troubles), len(all))
	}
}

// No refusal is without a code, and each word of package code is used where
// something is refused, fails, or is held back.
func TestEveryRefusalHasACode(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	refusals := 0
	walkSource(t, func(path string, n ast.Node) {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && x.Name == "code" {
				used[n.Sel.Name] = true
			}
		case *ast.CompositeLit:
			if s, ok := n.Type.(*ast.SelectorExpr); !ok || fmt.Sprint(s.X, ".", s.Sel) != "refusal.Refusal" {
				return
			}
			refusals++
			if !slices.ContainsFunc(n.Elts, func(e ast.Expr) bool {
				kv, ok := e.(*ast.KeyValueExpr)
				if !ok {
					return false
				}
				_, word := kv.Value.(*ast.SelectorExpr)
				return fmt.Sprint(kv.Key) == "Code" && word
			}) {
				t.Errorf("%s: a refusal without a word of package code", path)
			}
		}
	})
	if refusals < 20 {
		t.Errorf("only %d refusals were found", refusals)
	}
	for _, name := range words(t) {
		if !used[name] {
			t.Errorf("code.%s is used nowhere", name)
		}
	}
}

// walkSource visits the program's own files, without tests and without package
// code itself.
func walkSource(t *testing.T, visit func(path string, n ast.Node)) {
	t.Helper()
	for _, root := range []string{".", "../cmd/vbcvault"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && (d.Name() == "testdata" || path == "code"):
				return fs.SkipDir
			case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
				return nil
			}
			f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err == nil {
				ast.Inspect(f, func(n ast.Node) bool { visit(path, n); return true })
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// words are the names of the exported constants of package code.
func words(t *testing.T) (names []string) {
	t.Helper()
	files, err := filepath.Glob("code/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.CONST {
				continue
			}
			for _, s := range g.Specs {
				for _, n := range s.(*ast.ValueSpec).Names {
					if n.IsExported() {
						names = append(names, n.Name)
					}
				}
			}
		}
	}
	if len(names) < 50 {
		t.Errorf("only %d words were found", len(names))
	}
	return names
}

// What ends a run or a command has a code that is listed, the most telling one.
func TestEveryEndHasACode(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"":                   nil,
		code.Outage:          &refusal.Refusal{Code: code.Outage, Reason: "503"},
		code.Login:           &vbc.AuthError{},
		code.ManifestWrite:   &manifest.WriteError{Err: errors.New("disk full")},
		code.AnotherManifest: &manifest.BoundError{},
		code.AnotherRun:      manifest.ErrLocked,
		code.NotBound:        manifest.ErrUnbound,
		code.StoreRefused:    storage.ErrRefused,
		code.Interrupted:     ErrStopped,
		code.Malformed:       &vbc.Error{Malformed: true},
		"vbc-403-900908":     &vbc.Error{Status: 403, Code: 900908},
		code.Failed:          errors.New("something"),
	} {
		if err != nil {
			err = fmt.Errorf("archive: %w", err)
		}
		if got := EndCode(err); got != want || got != "" && code.About(code.Ended, got).Code == "" {
			t.Errorf("%v has the code %q, want %q, listed", err, got, want)
		}
	}
}
