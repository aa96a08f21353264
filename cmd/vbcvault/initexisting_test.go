package main

import (
	"strings"
	"testing"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
)

// An account is put into a file as it stands, or not at all: nothing else in it changes,
// and what comes out is read as the accounts that were there, and this one.
func TestInsertAccount(t *testing.T) {
	t.Parallel()
	const account = `{older-than: 90d, to: "file:///x", vbc: {username: x, password: {env: X}, client-id: x, client-secret: {env: X}}}`
	const block = "  new: " + account + "\n"
	for name, c := range map[string]struct {
		text string
		also string // accounts that are there
		no   bool
	}{
		"nothing":                {text: ""},
		"comments":               {text: "# one\n#accounts:\n"},
		"no newline":             {text: "# one"},
		"other keys":             {text: "accounts-at-once: 3 # accounts: none\nservice:\n  listen: :9180\n"},
		"nothing below accounts": {text: "accounts: # below\n\nservice:\n  listen: :9180\n"},
		"last, without newline":  {text: "accounts:"},
		"one":                    {text: "accounts:\n  a: " + account + "\n", also: "a"},
		"with a comment":         {text: "accounts: # all of them\n\n  # the first\n  a: " + account + " # a\nservice: {listen: \"127.0.0.1:9180\"}\n", also: "a"},
		"another indentation":    {text: "accounts:\n        a:\n            older-than: 90d\n            to: file:///x\n            vbc: {username: x, password: {env: X}, client-id: x, client-secret: {env: X}}\n", also: "a"},
		"windows":                {text: "accounts:\r\n  a: " + account + "\r\n", also: "a"},
		"a mark before it":       {text: "\ufeffaccounts:\n  a: " + account + "\n", also: "a"},
		"a document's beginning": {text: "---\naccounts:\n  a: " + account + "\n", also: "a"},
		"in one line":            {text: "accounts: {a: " + account + "}\n", no: true},
		"all in one line":        {text: "{accounts: {a: " + account + "}}\n", no: true},
		"empty braces":           {text: "accounts: {}\n", no: true},
		"indented":               {text: "  accounts-at-once: 3\n", no: true},
		"no mapping":             {text: "accounts\n", no: true},
		"no YAML":                {text: "accounts: [\n", no: true},
		"a document's end":       {text: "accounts-at-once: 3\n...\n", no: true},
		"two documents":          {text: "accounts-at-once: 3\n---\n", no: true},
	} {
		text, err := insertAccount([]byte(c.text), block)
		var made *config.Config
		if err == nil {
			made, err = config.Parse("", []byte(text), configFlags)
		}
		if (err != nil) != c.no {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
		if err != nil {
			continue
		}
		var names []string
		for _, a := range made.Accounts {
			names = append(names, a.Name)
		}
		if got := strings.Join(names, " "); got != strings.TrimSpace("new "+c.also) {
			t.Errorf("%s: accounts %s", name, got)
		}
		kept := strings.TrimPrefix(c.text, "\ufeff")
		i := strings.Index(text, " new: "+account+"\n") // and what is before and after is what was there
		before, after := strings.TrimRight(text[:i], " "), text[i+len(" new: "+account+"\n"):]
		is := strings.TrimSuffix(before+after, "\naccounts:\n")
		if strings.TrimSuffix(is, "\n") != strings.TrimSuffix(kept, "\n") {
			t.Errorf("%s: it has become\n%s", name, text)
		}
	}
}
