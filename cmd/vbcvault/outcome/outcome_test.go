package outcome_test

import (
	"encoding/json"
	"testing"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/outcome"
	"github.com/vbcvault/vbcvault/pipeline"
)

func TestWorst(t *testing.T) {
	t.Parallel()
	order := []int{0, 1, 2, 3, 137, outcome.Interrupted}
	if got := outcome.Worst(); got != 0 {
		t.Errorf("of nothing, %d is the worst", got)
	}
	for i, better := range order {
		for _, worse := range order[i:] {
			for _, codes := range [][]int{{better, worse}, {worse, better}, {0, worse, better, better}} {
				if got := outcome.Worst(codes...); got != worse {
					t.Errorf("of %v, %d is the worst, want %d", codes, got, worse)
				}
			}
		}
	}
}

// What the run counts under the same names isn't hidden by what is said of it.
func TestJSONHasTheCounts(t *testing.T) {
	t.Parallel()
	b, err := json.Marshal(outcome.Outcome{Account: "acme", Summary: pipeline.Summary{Archived: 3, Skipped: 4}, Skipped: true})
	if err != nil {
		t.Fatal(err)
	}
	var has map[string]any
	if err := json.Unmarshal(b, &has); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]any{"account": "acme", "archived": 3.0, "skipped": 4.0, "left_to_other_run": true, "exit_code": 0.0} {
		if has[key] != want {
			t.Errorf("%s is %v, want %v", key, has[key], want)
		}
	}
}
