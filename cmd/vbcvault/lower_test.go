package main

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// What stores and VBC's client say names no flag and no command: they may be used
// without this command line, which adds such hints itself (hintFor).
func TestLowestLayersNameNoFlags(t *testing.T) {
	t.Parallel()
	ours := map[string]bool{}
	for _, cmd := range family(newRoot(streams{out: &bytes.Buffer{}, err: &bytes.Buffer{}})) {
		ours[cmd.CommandPath()] = cmd.HasParent()
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) { ours["--"+f.Name] = true })
	}
	word := regexp.MustCompile(`--[a-z][a-z-]*|vbcvault [a-z]+`)
	seen := 0
	for _, room := range []string{"../../storage", "../../vbc"} {
		err := filepath.WalkDir(room, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			// The table of rights is the manual's: it says which flags need a right.
			case d.IsDir() && (d.Name() == "storagetest" || d.Name() == "vbctest" || d.Name() == "rights"):
				return fs.SkipDir
			case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
				return nil
			}
			files := token.NewFileSet()
			file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				lit, ok := n.(*ast.BasicLit)
				if !ok || lit.Kind != token.STRING {
					return true
				}
				text, err := strconv.Unquote(lit.Value)
				if err != nil {
					t.Fatal(err)
				}
				seen++
				for _, w := range word.FindAllString(text, -1) {
					if ours[w] {
						t.Errorf("%s names %s", files.Position(lit.Pos()), w)
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if seen < 500 {
		t.Errorf("only %d texts were found", seen)
	}
}
