package main_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/access"
)

// rightsInWords are the rows of the table of rights, and the rights that they are about.
var rightsInWords = []struct {
	row   string
	right access.Right
}{
	{"search, and read all that is known of a call", access.See},
	{"hear it, and read its transcript", access.Play},
	{"download it, alone or with others and their proofs", access.Download},
	{"have it brought back from cold storage, which costs money", access.Thaw},
	{"put a hold on calls", access.Hold},
	{"end a hold, or agree to its end", access.Release},
	{"see the state of the accounts, the report and the audit", access.Oversee},
	{"see who has listened", access.Log},
	{"see who signs in, and sign people out", access.Admin},
}

// The table of who may what is what the page goes by, and has all rights that there are.
func TestRightsOfTheManual(t *testing.T) {
	t.Parallel()
	all := regexp.MustCompile(`(?m)^\t\w+ +Right += "`).FindAllString(readText(t, "web/access/access.go"), -1)
	var rows [][]string
	for line := range strings.Lines(section(t, page(t, "web"), "## Who may what")) {
		if cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|"); len(cells) == 5 {
			for i := range cells {
				cells[i] = strings.TrimSpace(cells[i])
			}
			rows = append(rows, cells)
		}
	}
	if len(rows) != len(rightsInWords)+2 || len(all) != len(rightsInWords) {
		t.Fatalf("%d rows for %d rights of %d in the program", len(rows)-2, len(rightsInWords), len(all))
	}
	for i, r := range rightsInWords {
		want := []string{r.row}
		for _, kind := range rows[0][1:] {
			may := func(download bool) bool {
				return (&access.Viewer{Role: access.Role{Kind: kind, Download: download}}).May(r.right)
			}
			switch {
			case may(false):
				want = append(want, "yes")
			case may(true):
				want = append(want, "with `download: true`")
			default:
				want = append(want, "–")
			}
		}
		if !slices.Equal(rows[i+2], want) {
			t.Errorf("the table says %q, the program %q", rows[i+2], want)
		}
	}
}
