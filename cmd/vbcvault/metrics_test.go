package main_test

import (
	"strconv"

	"github.com/google/go-cmp/cmp"
)

// countedAsVBC fails unless the only run so far has counted its requests as VBC has.
func (w *world) countedAsVBC(r result) {
	w.t.Helper()
	want := map[string]any{}
	for _, q := range w.account.Log() {
		n, _ := want[strconv.Itoa(q.Status)].(float64)
		want[strconv.Itoa(q.Status)] = n + 1
	}
	if diff := cmp.Diff(want, r.summary["requests"]); diff != "" {
		w.t.Errorf("the summary counts other requests than VBC: %s", diff)
	}
}
