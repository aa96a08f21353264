package main

import (
	"regexp"
	"strings"
	"testing"
)

// Tables that are too wide for columns say the titles of their columns once, and keep
// short first cells beside the others.
func TestWideTables(t *testing.T) {
	t.Parallel()
	const meaning = "a meaning that is too long to stand in one line beside its key"
	for name, c := range map[string]struct{ table, want string }{
		"key, example, meaning": {"| key | example | what it is |\n|---|---|---|\n| `keep` | `keep: 14` | " + meaning + " |\n| `a-key-that-is-far-too-wide` | `x: 1`, `y: 2`, `z: 3` | short |\n", `
key     example
        what it is
--------------------------------------------------
'keep'  'keep: 14'
        a meaning that is too long to stand in one
        line beside its key

'a-key-that-is-far-too-wide'
        'x: 1', 'y: 2', 'z: 3'
        short
`},
		"deed and effect": {"| you do | it does |\n|---|---|\n| something that takes many words to say, more than fit | " + meaning + " |\n", `
you do
    it does
--------------------------------------------------
something that takes many words to say, more than
fit
    a meaning that is too long to stand in one
    line beside its key
`},
		"what else": {"| file | what it is | if it is lost |\n|---|---|---|\n| `a.db` | " + meaning + " | nothing |\n", `
'a.db'
    a meaning that is too long to stand in one
    line beside its key
    if it is lost: nothing
`},
	} {
		if got, want := forTerminal(c.table, 50), strings.ReplaceAll(c.want[1:], "'", "`"); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
		}
	}
	for _, topic := range []string{"config", "service"} {
		text, err := topicPages.ReadFile("topics/" + topic + ".md")
		if err != nil {
			t.Fatal(err)
		}
		if label := regexp.MustCompile(`(?m)^ +(what it is|it does): .*$`).FindString(forTerminal(string(text), 80)); label != "" {
			t.Errorf("help %s has %q in each row", topic, label)
		}
	}
}
