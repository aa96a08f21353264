package main_test

import (
	"bytes"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// before makes what the examples of each page start from: an account with the
// recordings that they name, and a destination.
var before = map[string]func(*world){
	"README":   func(w *world) { w.inS3(nil).named() },
	"install":  func(w *world) { w.inS3(nil) },
	"choosing": func(w *world) { w.inDir().named() },
	"transcripts": func(w *world) {
		w.inDir().named()
		w.account.Transcribe(193228, "Hello.\n")
	},
	"check": func(w *world) {
		w.inS3(nil).named()
		w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 3})
	},
	"evidence": func(w *world) {
		w.inS3(nil).named()
		w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 3})
	},
	"protect": func(w *world) { w.inLockedS3(nil).named() },
	"hold":    (*world).withArchive,
	"erase": func(w *world) {
		w.inS3(nil).named()
		w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 3})
	},
	"find":         (*world).withArchive,
	"web":          (*world).withArchive,
	"report":       (*world).withArchive,
	"restore":      (*world).withArchive,
	"recover":      (*world).withArchive,
	"destinations": (*world).withArchive,
	"requests":     func(w *world) { w.inDir().named() },
	"notify":       func(w *world) { w.inDir() },
	"service":      func(*world) {}, // it brings its own accounts
	"monitoring":   func(w *world) { w.inDir().named() },
	"config":       func(w *world) { w.inS3(nil).named() },
	"troubleshooting": func(w *world) {
		w.inS3(nil).named()
		w.account.Inject(func(r *http.Request) *vbctest.Fault {
			if isAudio(r) && strings.Contains(r.URL.Path, "193228") {
				return &vbctest.Fault{Status: http.StatusNotFound}
			}
			return nil
		})
		w.account.Add(vbctest.Recording{ID: 193229, RawStart: "yesterday", Size: 20000})
		w.want(w.archive("--older-than", "90d"), 1, map[string]int{"failed": 1})
	},
}

// named adds recordings with the ids and times that the examples have.
func (w *world) named() {
	start := time.Date(2025, 5, 12, 10, 15, 0, 0, time.UTC)
	for i := range int64(3) {
		w.account.Add(vbctest.Recording{ID: 193228 + i, Start: start.Add(time.Duration(i) * time.Hour), Size: 20000})
	}
}

func (w *world) withArchive() {
	w.inS3(nil).named()
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 3})
}

// notRun begins the first line of an example that no test runs, and what follows
// tells readers why.
const notRun = "# Not run by our tests"

// runElsewhere are the README's commands that are no use within a test.
var runElsewhere = map[string]string{
	"go run ./cmd/vbcvault demo": ".ci/run",
	"go test ./...":              "this is it",
	"make build":                 "builds the program, and sets what the test sets",
}

// What the manual says in blocks of sh is run as it stands there, one block after
// the other, but for the names of places. Each must end well.
func TestExamplesOfTheManual(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no sh")
	}
	t.Parallel()
	if testing.Short() {
		t.Skip("runs some 60 commands; not with -short")
	}
	texts := map[string]string{"README": frontPage(t)}
	for _, topic := range topics(t) {
		texts[topic] = page(t, topic)
	}
	if pages := slices.Sorted(maps.Keys(before)); len(pages) != 22 {
		t.Fatalf("examples of %q", pages)
	}
	for name, text := range texts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			blocks := shBlocks(text)
			make, known := before[name]
			if (len(blocks) > 0) != known {
				t.Fatalf("%d examples, and known to this test: %v", len(blocks), known)
			}
			if !known {
				return
			}
			w := newWorld(t, vbctest.Config{})
			make(w)
			dir := t.TempDir()
			here := strings.NewReplacer("s3://MY-BUCKET/recordings", w.to, "/backup/", dir+"/",
				"/var/lib/prometheus/node-exporter/", dir+"/", "/etc/prometheus/", dir+"/", "./vbcvault", "vbcvault",
				"postgres://vbcvault_owner@db.example.com/vbcvault", w.database).Replace
			ran := 0
			for _, block := range blocks {
				first, _, _ := strings.Cut(block, "\n")
				if why, marked := strings.CutPrefix(first, notRun); marked {
					if len(why) < 20 {
						t.Errorf("it doesn't say why it isn't run: %s", first)
					}
					continue
				}
				if name == "README" && slices.ContainsFunc(slices.Collect(maps.Keys(runElsewhere)), func(s string) bool { return strings.HasPrefix(first, s) }) {
					continue
				}
				for line := range strings.Lines(block) {
					if name != "README" && utf8.RuneCountInString(line) > 97 {
						t.Errorf("wider than a terminal: %s", line)
					}
				}
				ran++
				cmd := exec.Command("/bin/sh", "-eu", "-c", here(block))
				cmd.Dir, cmd.Stdin = dir, strings.NewReader("erase\n")
				cmd.Env = append(slices.Clone(w.env), "PATH="+filepath.Dir(program(t))+string(os.PathListSeparator)+os.Getenv("PATH"))
				var out bytes.Buffer
				cmd.Stdout, cmd.Stderr = &out, &out
				if err := cmd.Run(); err != nil {
					t.Errorf("%v\n%s\n%s", err, block, &out)
				}
			}
			if ran == 0 {
				t.Error("none is run")
			}
		})
	}
}

// shBlocks are the blocks of sh of a page, without what they are indented by.
func shBlocks(text string) (all []string) {
	for _, m := range regexp.MustCompile("(?ms)^( *)```sh\n(.*?)\n *```$").FindAllStringSubmatch(text, -1) {
		lines := strings.Split(m[2], "\n")
		for i, l := range lines {
			lines[i] = strings.TrimPrefix(l, m[1])
		}
		all = append(all, strings.Join(lines, "\n"))
	}
	return all
}
