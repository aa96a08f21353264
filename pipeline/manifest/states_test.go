package manifest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Which step leads where, for people: what isn't here is refused.
const allTransitions = `
Erased       erasing→erased
Erasing      purged→erasing gone→erasing erasing→erasing
Failed       listed→failed stored→failed verified→failed purging→purging failed→failed
Found        listed→purged stored→purged failed→purged
Gone         listed→gone failed→gone
NotPurged    stored→verified verified→verified purging→verified failed→verified
Purged       purging→purged
Purging      stored→purging verified→purging purging→purging failed→purging
Relist       listed→listed stored→listed verified→listed purging→listed failed→listed
Stored       listed→stored stored→stored failed→stored
StoredAlike  listed→stored stored→stored failed→stored
Transcribed  stored→stored verified→stored purging→purging failed→stored
Verified     stored→verified verified→verified purging→verified failed→verified
Withdrawn    purging→verified
`

func TestTransitions(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	text.WriteString("\n")
	for _, step := range AllSteps() {
		fmt.Fprintf(&text, "%-12s", step)
		for _, from := range States() {
			if to, ok := step.Leads(from); ok {
				fmt.Fprintf(&text, " %s→%s", from, to)
			}
		}
		text.WriteString("\n")
	}
	if d := cmp.Diff(allTransitions, text.String()); d != "" {
		t.Error(d)
	}
}
