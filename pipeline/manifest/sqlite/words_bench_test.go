package sqlite

import (
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// BenchmarkWords says how long it takes to index so many transcripts of 400 words, how
// much room that takes, and how long the page takes to find calls by their words, as
// BenchmarkSearch does.
func BenchmarkWords(b *testing.B) {
	for n := 10_000; n <= *largest; n *= 10 {
		random := rand.New(rand.NewSource(1)) //nolint:gosec // the same calls each time
		spread := rand.NewZipf(random, 1.1, 3, 40_000)
		texts, bytes := make([]string, n), 0
		for i := range texts {
			var t strings.Builder
			for range 400 {
				fmt.Fprintf(&t, "w%d ", spread.Uint64())
			}
			if i%50_000 == 777 {
				t.WriteString("zebedee ")
			}
			texts[i] = t.String()
			bytes += t.Len()
		}
		path := filepath.Join(b.TempDir(), "m")
		begin := time.Now()
		m := speaking(b, path, texts)
		info, err := os.Stat(path)
		if err != nil {
			b.Fatal(err)
		}
		b.Logf("%d transcripts of %d MB: %s, %d MB of manifest", n, bytes>>20, time.Since(begin).Round(time.Second), info.Size()>>20)
		texts = nil
		for name, q := range map[string]manifest.Query{
			"common": {Words: "w0"}, "two-common": {Words: "w0 w1"}, "phrase": {Words: `"w0 w1"`}, "rare": {Words: "zebedee"}, "none": {Words: "nothing"},
			"common-and-rare": {Words: "w0 zebedee"}, "prefix": {Words: "w300*"}, "common-old": {Words: "w0", Until: spring.Add(time.Duration(n/2) * time.Minute)},
			"common-in-scope": {Words: "w0", Scope: manifest.Scope{Extensions: []string{"7"}}},
		} {
			b.Run(fmt.Sprintf("ask=%s/recordings=%d", name, n), func(b *testing.B) {
				for range b.N {
					askLikeThePage(b, m, q)
				}
			})
		}
		if err := m.Close(); err != nil {
			b.Fatal(err)
		}
		begin = time.Now()
		if err := m.Scrub(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.Logf("%d transcripts: written anew in %s", n, time.Since(begin).Round(time.Second))
	}
}
