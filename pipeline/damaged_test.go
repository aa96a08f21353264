package pipeline

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/rebuild"
	"github.com/vbcvault/vbcvault/storage/storagetest"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// onDisk is where an object's bytes lie.
func (l *lab) onDisk(key string) string {
	at := l.clean.String()
	if dir, ok := strings.CutPrefix(at, "file://"); ok {
		return filepath.Join(dir, key)
	}
	bucket, prefix, _ := strings.Cut(strings.TrimPrefix(at, "s3://"), "/")
	return storagetest.StartS3(l.t).Path(bucket, prefix+"/"+key)
}

// damages are what becomes of objects at rest.
var damages = map[string]func(t *testing.T, path string){
	"a flipped byte": func(t *testing.T, path string) { storagetest.FlipByte(t, path) },
	"cut off":        func(t *testing.T, path string) { storagetest.Truncate(t, path) },
	"empty": func(t *testing.T, path string) {
		if err := os.Truncate(path, 0); err != nil {
			t.Fatal(err)
		}
	},
	"of another size": func(t *testing.T, path string) {
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
		if err == nil {
			_, err = f.WriteString(strings.Repeat("\xffx", 5000))
			f.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
	},
}

// An object is damaged at rest while VBC still has its recording; reading shows it,
// whatever the store remembers. The second run is done, and nothing damaged is left,
// with the manifest as it was; one that was made anew knows less of what is ours, and
// so may leave it, but deletes nothing without a whole copy.
func TestDamagedAtRest(t *testing.T) {
	for _, to := range []string{"directory", "s3"} {
		for _, ending := range []string{".mp3", ".json", ".transcript.json"} {
			for name, damage := range damages {
				for _, rebuilt := range []bool{false, true} {
					t.Run(to+" "+ending+" "+name+map[bool]string{true: ", rebuilt"}[rebuilt], func(t *testing.T) {
						l := newLab(t, to)
						old := l.cutoff.AddDate(-1, 0, 0).Truncate(time.Second)
						l.account.Add(vbctest.Recording{ID: 1, Start: old, Size: 4000, Transcript: `{"text":"Good morning"}`}, vbctest.Recording{ID: 2, Start: old.Add(time.Hour), Size: 3000})
						all := l.account.Recordings()
						if _, err := l.run(Options{Workers: 1}); err != nil {
							t.Fatal(err)
						}
						damage(t, l.onDisk(l.stem(all[0])+ending))
						if rebuilt {
							l.path += ".rebuilt"
							err := manifest.Create(t.Context(), l.path, func(m *manifest.Manifest) error {
								_, err := rebuild.Into(t.Context(), l.faulty, m, slog.New(slog.DiscardHandler), rebuild.Options{Account: "549825"})
								return err
							})
							if err != nil {
								t.Fatal(err)
							}
						}
						o := Options{Delete: true, Workers: 1, ReadBack: ReadBackAlways}
						if _, err := l.run(o); err != nil {
							t.Fatal(err)
						}
						if sum, err := l.run(o); err != nil || !sum.Complete() {
							t.Errorf("the second run: %+v, %v", sum, err)
						}
						l.allDone(all)
						if !rebuilt {
							l.noLitter(all)
						}
					})
				}
			}
		}
	}
}
