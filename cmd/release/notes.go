package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// notes writes what the change log says of this version, or of what is unreleased if
// this is no release.
func notes(_ context.Context, r *release) error {
	b, err := os.ReadFile(filepath.Join(r.root, ".github", "CHANGELOG.md"))
	if err != nil {
		return err
	}
	var text string
	if r.version.isDev() {
		if text, err = notesOf(string(b), "Unreleased"); err != nil {
			text = "Nothing that users notice since the last release." // as just after one
		}
	} else if text, err = notesOf(string(b), r.version.semver); err != nil {
		return err
	}
	return create(filepath.Join(r.out, "RELEASE_NOTES.md"), func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "# vbcvault %s\n\n%s\n", r.version, text)
		return err
	})
}

var sectionForm = regexp.MustCompile(`(?m)^## \[([^\]]+)\].*$`)

// notesOf is what stands below the heading of a version.
func notesOf(changelog, name string) (string, error) {
	all := sectionForm.FindAllStringSubmatchIndex(changelog, -1)
	for i, m := range all {
		if changelog[m[2]:m[3]] != name {
			continue
		}
		end := len(changelog)
		if i+1 < len(all) {
			end = all[i+1][0]
		}
		if text := strings.TrimSpace(changelog[m[1]:end]); text != "" {
			return text, nil
		}
		return "", fmt.Errorf("CHANGELOG.md says nothing below [%s]", name)
	}
	return "", fmt.Errorf("CHANGELOG.md has no section [%s]: write one, with what users notice", name)
}
