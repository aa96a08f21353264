package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

func TestSuggestionsForTypos(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ typed, want string }{
		{"archve", `unknown command "archve": did you mean vbcvault archive?`},
		{"Archive", `unknown command "Archive": did you mean vbcvault archive?`},
		{"satus", `unknown command "satus": did you mean vbcvault status?`},
		{"veirfy", `unknown command "veirfy": did you mean vbcvault verify?`},
		{"ack", `unknown command "ack": did you mean vbcvault acknowledge?`},
		{"ls", `unknown command "ls": did you mean vbcvault list?`},
		{"hold lst", `unknown command "lst": did you mean vbcvault hold list?`},
		{"frobnicate", `unknown command "frobnicate"`},
		{"archive --workes 4", "unknown flag --workes: did you mean --workers?"},
		{"archive --workes=4", "unknown flag --workes: did you mean --workers?"},
		{"archive --olderthan 90d", "unknown flag --olderthan: did you mean --older-than?"},
		{"archive --older 90d", "unknown flag --older: did you mean --older-than?"},
		{"archive --dryrun", "unknown flag --dryrun: did you mean --dry-run?"},
		{"archive -workers 4", "unknown flag -workers: did you mean --workers?"},
		{"archive --jsno", "unknown flag --jsno: did you mean --json?"},
		{"status --frobnicate", "unknown flag --frobnicate"},
		{"status -x", "unknown flag -x"},
	} {
		var out, err bytes.Buffer
		if code := run(t.Context(), strings.Fields(c.typed), streams{out: &out, err: &err}); code != exitUsage {
			t.Errorf("vbcvault %s: exit code %d", c.typed, code)
		}
		if first, hint, _ := strings.Cut(err.String(), "\n"); first != "vbcvault: "+c.want || !strings.HasPrefix(hint, "  hint: see vbcvault") {
			t.Errorf("vbcvault %s says\n%s", c.typed, err.String())
		}
	}
}

// Every command is in a group, and every group has some: nothing is left to
// "additional commands".
func TestEveryCommandIsInAGroup(t *testing.T) {
	t.Parallel()
	root := newRoot(streams{out: &bytes.Buffer{}, err: &bytes.Buffer{}})
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	used := map[string]bool{}
	for _, c := range root.Commands() {
		if !slices.ContainsFunc(root.Groups(), func(g *cobra.Group) bool { return g.ID == c.GroupID }) {
			t.Errorf("%s is in no group", c.Name())
		}
		used[c.GroupID] = true
	}
	for _, g := range root.Groups() {
		if !used[g.ID] {
			t.Errorf("the group %q is empty", g.Title)
		}
	}
}
