package manifesttest

import (
	"testing"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// Live binds a new manifest, and writes a bit of everything into it.
func Live(t testing.TB, m Manifest) {
	t.Helper()
	must(t, m.Bind(t.Context(), manifest.Binding{Account: account}))
	for _, d := range deeds() {
		if err := d.do(t.Context(), m); err != nil {
			t.Fatalf("%s: %v", d.name, err)
		}
	}
}

// Told is all that a manifest says, save the times of its own clock.
func Told(t testing.TB, m Manifest) []string {
	t.Helper()
	return told(t, m)
}
