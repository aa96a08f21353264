package main_test

import (
	"bytes"
	"database/sql"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/vbcvault/vbcvault/storage/storagetest"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// scattered is one call that lies in an archive under four starts: two have rows, one
// another machine has archived and deleted, and of one the manifest knows only that
// VBC has said it. Beside it are calls of others.
type scattered struct {
	starts [4]time.Time
	audio  []byte
	others []vbctest.Recording
}

const theCaller, theName, theCall = "14155550123", "DOE ERIKA", "c0ffee-77"

// at is the recording as VBC shows it with a start.
func (s *scattered) at(i int) vbctest.Recording {
	return vbctest.Recording{Kind: vbctest.Company, ID: 7, Start: s.starts[i], Size: 9000, Extra: map[string]any{
		"caller_id": "+" + theCaller, "cnam": theName, "call_id": theCall, "file_name": theCaller + "_to_sales.mp3"}}
}

// aside runs what another machine does, which has a manifest of its own.
func (w *world) aside(do func()) {
	state, env := w.state, w.env
	defer func() { w.state, w.env = state, env }()
	w.state = w.t.TempDir()
	w.env = append(without(env, "VBCVAULT_STATE_DIR"), "VBCVAULT_STATE_DIR="+w.state)
	do()
}

// scatter archives a call as it is after years.
func (w *world) scatter() *scattered {
	w.t.Helper()
	s := &scattered{others: []vbctest.Recording{w.in(5, 77), w.in(6, 2)}}
	noon := time.Date(2025, 5, 31, 23, 59, 59, 0, time.UTC)
	for i := range s.starts { // each in a month of its own
		s.starts[i] = noon.AddDate(0, -i, -i)
	}
	s.starts[1] = noon.Add(time.Second)
	w.aside(func() {
		w.account.Add(s.at(2))
		w.want(w.archive("--before", "2025-05-01", "--delete"), 0, map[string]int{"deleted": 1})
	})
	w.account.Add(s.at(0))
	w.want(w.archive(nightly...), 0, map[string]int{"archived": 3})
	w.account.Remove(7)
	w.account.Add(s.at(1))
	w.want(w.archive(append(nightly, "--delete", "--caller-id", theCaller)...), 0, nil)
	w.want(w.archive(append(nightly, "--delete")...), 0, nil)
	if all := w.account.Recordings(); len(all) != 0 {
		w.t.Fatalf("VBC has %v", all)
	}
	s.audio = w.read(key(s.at(0), "mp3"))[200:8800]
	w.place(key(s.at(3), "mp3"), string(w.read(key(s.at(0), "mp3")))) // its metadata is lost
	w.place(strings.Replace(key(s.at(1), "mp3"), ".mp3", "-1a2b3c4d.mp3", 1), string(w.read(key(s.at(0), "mp3"))))
	february, may := "catalog/account=549825/year=2025/month=02/catalog.parquet", "catalog/account=549825/year=2025/month=05/catalog.parquet"
	w.place(february, string(w.read(may))) // of a manifest that knew the call by that start
	w.sql(
		fmt.Sprintf(`UPDATE recording SET said = '[{"start":%q,"caller_id":%q}]' WHERE id = 7 AND nth = 1`, s.starts[3].Format(time.RFC3339), theCaller),
		`INSERT INTO trouble (kind, owner, code, reason, since, last, run, filter) VALUES ('company', '', 'listing', 'VBC answered: caller `+theCaller+` is odd', 0, 0, 1, 'f')`,
		`UPDATE run SET summary = json_set(summary, '$.problems', json_array('fine', 'of "`+theName+`" <`+theCaller+`>'), '$.stopped', 'at `+theCaller+`_to_sales.mp3')`,
	)
	return s
}

// sql changes the manifest.
func (w *world) sql(texts ...string) {
	w.t.Helper()
	db, err := sql.Open("sqlite", w.manifest())
	for _, text := range texts {
		if err == nil {
			_, err = db.Exec(text)
		}
	}
	if err == nil {
		err = db.Close()
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// allVersions is all that lies in the destination, in all versions.
func (w *world) allVersions() map[string][]byte {
	w.t.Helper()
	all := map[string][]byte{}
	if dir, ok := strings.CutPrefix(w.to, "file://"); ok {
		err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			all[path], err = os.ReadFile(path)
			return err
		})
		if err != nil {
			w.t.Fatal(err)
		}
		return all
	}
	client, bucket := storagetest.StartS3(w.t).Client(), strings.Split(w.to, "/")[2]
	pages := s3.NewListObjectVersionsPaginator(client, &s3.ListObjectVersionsInput{Bucket: &bucket})
	for pages.HasMorePages() {
		out, err := pages.NextPage(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		for _, v := range out.Versions {
			got, err := client.GetObject(w.t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: v.Key, VersionId: v.VersionId})
			if err != nil {
				w.t.Fatal(err)
			}
			b, err := io.ReadAll(got.Body)
			got.Body.Close()
			if err != nil {
				w.t.Fatal(err)
			}
			all[*v.Key+" "+aws.ToString(v.VersionId)] = b
		}
		for _, m := range out.DeleteMarkers {
			all[*m.Key+" marker "+aws.ToString(m.VersionId)] = nil
		}
	}
	return all
}

// traces are the places, in the destination and in the manifest, that tell of a call.
func (w *world) traces(s *scattered) (found []string) {
	w.t.Helper()
	everything := w.allVersions()
	everything["the manifest"] = w.manifestFiles()
	for _, name := range slices.Sorted(maps.Keys(everything)) {
		body := everything[name]
		if strings.Contains(name, "_7.") || strings.Contains(name, "_7-") {
			found = append(found, name)
		}
		for _, text := range [][]byte{[]byte(theCaller), []byte(theName), []byte(theCall), s.audio} {
			if bytes.Contains(body, text) {
				found = append(found, fmt.Sprintf("%s has %.20q", name, text))
			}
		}
	}
	if n := w.callerIn(w.t.(*testing.T), theCaller); n > 0 {
		found = append(found, fmt.Sprintf("the catalogue has it %d times", n))
	}
	return found
}

// mustBeGone fails unless nothing is left of a call, nowhere, all checks are content,
// and a manifest that is made anew doesn't bring it back.
func (w *world) mustBeGone(s *scattered) {
	w.t.Helper()
	check := func() {
		w.t.Helper()
		if left := w.traces(s); len(left) > 0 {
			w.t.Errorf("left:\n%s", strings.Join(left, "\n"))
		}
		w.want(w.run("verify", "--json"), 0, map[string]int{"checked": len(s.others)})
		w.want(w.run("diff", "--json"), 0, map[string]int{"checked": len(s.others), "unknown": 0})
		w.want(w.run("audit"), 0, nil)
		w.mustHold(s.others...)
	}
	check()
	w.want(w.archive(nightly...), 0, nil)
	w.loseAll()
	w.want(w.run("rebuild", "--from", w.to, "--json"), 0, map[string]int{"recordings": len(s.others), "lost": 0, "missing": 0, "unknown": 0, "begun": 0})
	check()
}

// A recording whose start was corrected is erased under every start, whoever has
// archived it, and with everything that quotes it. The others are untouched.
func TestEraseFindsEverything(t *testing.T) {
	t.Parallel()
	for name, place := range erasable {
		t.Run(name, func(t *testing.T) {
			w := place(newWorld(t, vbctest.Config{}))
			s := w.scatter()
			if name == "versions" { // of what is told by metadata, only older versions are left
				w.place(key(s.at(2), "json"), "torn")
				w.hide(key(s.at(2), "json"))
				w.hide(key(s.at(2), "mp3"))
			}
			if len(w.traces(s)) < 9 {
				t.Fatalf("there is little to find in the first place: %v", w.traces(s))
			}
			r := w.erase("--id", "7")
			w.want(r, 0, nil)
			for i := range s.starts {
				w.says(r, key(s.at(i), "mp3"), s.starts[i].Format("2006-01-02 15:04:05 UTC"))
			}
			w.want(w.run("audit", "--json"), 0, map[string]int{"erased": 4})
			w.mustCatalog(map[int64]string{7: "erased", 77: "purged", 2: "purged"})
			w.mustBeGone(s)
		})
	}
}

// mustCatalog fails unless the catalogue has these recordings, each in its state.
func (w *world) mustCatalog(want map[int64]string) {
	w.t.Helper()
	has := map[int64]string{}
	for id, row := range w.catalogued() {
		has[id] = row.State
	}
	if !maps.Equal(has, want) {
		w.t.Errorf("the catalogue has %v, want %v", has, want)
	}
}

// hide puts a delete marker over an object.
func (w *world) hide(key string) {
	w.t.Helper()
	bucket, full := strings.Split(w.to, "/")[2], "calls/"+key
	if _, err := storagetest.StartS3(w.t).Client().DeleteObject(w.t.Context(), &s3.DeleteObjectInput{Bucket: &bucket, Key: &full}); err != nil {
		w.t.Fatal(err)
	}
}

// An erasure of several rows and places that breaks off at any request is finished by
// the same command, also with a night in between.
func TestEraseOfEverythingGoesOn(t *testing.T) {
	t.Parallel()
	notShort(t, "tries many requests, as TestEraseGoesOn does all")
	const share = 3 // one in so many, others each time: each takes ten commands and more
	first := rand.Int64N(share)
	t.Logf("every %d. request, from the %d. on", share, first+1)
	for fails := first + 1; fails < 60; fails += share {
		w, erasing, n := whereErasingFails(t, fails, fails%2 == 0)
		s := w.scatter()
		erasing.Store(true)
		r := w.erase("--id", "7")
		erasing.Store(false)
		if r.code != 0 {
			if fails/share%2 == 0 {
				w.want(w.archive(nightly...), 0, nil)
			}
			if r = w.erase("--id", "7"); r.code != 0 && !strings.Contains(r.stderr, "is already erased") {
				t.Errorf("fault %d: not finished", fails)
			}
		}
		w.want(w.run("audit", "--json"), 0, map[string]int{"erased": 4})
		w.mustBeGone(s)
		if n.Load() < fails {
			return // all requests have had their turn
		}
	}
	t.Error("there are more requests than were tried")
}

// An erasure of several places that has broken off is finished by the same command in a
// manifest that was made anew, where nothing tells any more that these are one call's.
func TestEraseOfEverythingGoesOnAfterARebuild(t *testing.T) {
	t.Parallel()
	w, erasing, _ := whereErasingFails(t, 10, false)
	s := w.scatter()
	erasing.Store(true)
	w.want(w.erase("--id", "7"), 3, nil)
	erasing.Store(false)
	if left := w.of("_7."); len(left) != 5 {
		t.Fatalf("it breaks off with %v left", left)
	}
	w.loseAll()
	w.want(w.run("rebuild", "--from", w.to, "--json"), 0, map[string]int{"erased": 4, "begun": 4})
	w.want(w.run("export", "--to-store", "--take-over"), 0, nil)
	w.want(w.erase("--id", "7"), 0, nil)
	w.want(w.run("audit", "--json"), 0, map[string]int{"erased": 4})
	w.mustBeGone(s)
}
