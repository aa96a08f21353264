package main_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/storagetest"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

type placed = func(t *testing.T, w *world, reading *atomic.Value)

// everywhere runs a test with a directory, a bucket and a bucket with versions.
// Whatever changes the bucket while reading says which command is to read only
// fails the test; but for rebuild, commands try whether it can be written.
func everywhere(t *testing.T, cfg vbctest.Config, test placed) {
	t.Run("bucket", func(t *testing.T) {
		t.Parallel()
		guarded(t, cfg, (*world).inS3, test)
	})
	inBothKinds(t, cfg, test)
}

// inBothKinds is everywhere without the bucket that has no versions, in which
// nothing happens that doesn't in one of the others.
func inBothKinds(t *testing.T, cfg vbctest.Config, test placed) {
	t.Run("directory", func(t *testing.T) {
		t.Parallel()
		guarded(t, cfg, func(w *world, _ hook) *world { return w.inDir() }, test)
	})
	t.Run("versions", func(t *testing.T) {
		t.Parallel()
		guarded(t, cfg, (*world).inVersionedS3, test)
	})
}

type hook = func(op, key string, r *http.Request) *storagetest.S3Fault

func guarded(t *testing.T, cfg vbctest.Config, place func(*world, hook) *world, test placed) {
	var reading atomic.Value // string
	reading.Store("")
	w := place(newWorld(t, cfg), func(op, key string, r *http.Request) *storagetest.S3Fault {
		if is := reading.Load(); is != "" && r.Method != http.MethodGet && r.Method != http.MethodHead && (is == "rebuild" || !strings.HasSuffix(key, ".vbcvault-probe")) {
			t.Errorf("%s of %s, and nothing is to be changed", op, key)
		}
		return nil
	})
	test(t, w, &reading)
}

// known is what a manifest says of each recording, as far as a rebuilt one must
// say the same.
func (w *world) known(path string) map[string]string {
	w.t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		w.t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query("SELECT kind, owner, id, start, size, raw, state, audio, sidecar, transcript, iif(state = 'erased', 0, stored_at), archived_at <> 0, damaged FROM recording")
	if err != nil {
		w.t.Fatal(err)
	}
	defer rows.Close()
	known := map[string]string{}
	for rows.Next() {
		var kind, owner, raw, state, damaged string
		var id, start, size, stored int64
		var archived bool
		var objects [3]string
		if err := rows.Scan(&kind, &owner, &id, &start, &size, &raw, &state, &objects[0], &objects[1], &objects[2], &stored, &archived, &damaged); err != nil {
			w.t.Fatal(err)
		}
		for i, text := range objects {
			if text == "" {
				continue
			}
			var o storage.Object
			if err := json.Unmarshal([]byte(text), &o); err != nil {
				w.t.Fatal(err)
			}
			objects[i] = fmt.Sprintln(o.Key, o.Content, o.VersionID)
		}
		known[fmt.Sprint(kind, owner, "/", id, "/", start)] = fmt.Sprintln(start, size, raw, state, objects, stored, archived, damaged)
	}
	if err := rows.Err(); err != nil {
		w.t.Fatal(err)
	}
	return known
}

// loseAll puts the manifest, and all that belongs to it save its key, out of the way,
// and says where it is now.
func (w *world) loseAll() string {
	w.t.Helper()
	path, away := w.manifest(), w.t.TempDir()
	files, err := filepath.Glob(path + "*")
	for _, f := range files {
		if err == nil && f != path+".key" {
			err = os.Rename(f, filepath.Join(away, filepath.Base(f)))
		}
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return filepath.Join(away, filepath.Base(path))
}

// everything is the content of the destination.
func (w *world) everything() map[string]storage.Content {
	w.t.Helper()
	all := map[string]storage.Content{}
	store := w.open()
	for _, key := range storagetest.Keys(w.t, store) {
		o, err := store.Stat(w.t.Context(), storage.Object{Key: key})
		if err != nil {
			w.t.Fatal(err)
		}
		all[key] = o.Content
	}
	return all
}

// place stores an object as somebody else might.
func (w *world) place(key, text string) {
	w.t.Helper()
	if strings.HasPrefix(w.to, "s3://") { // as another tool does it
		bucket, full := strings.Split(w.to, "/")[2], "calls/"+key
		in := &s3.PutObjectInput{Bucket: &bucket, Key: &full, Body: strings.NewReader(text)}
		if _, err := storagetest.StartS3(w.t).Client().PutObject(w.t.Context(), in); err != nil {
			w.t.Fatal(err)
		}
		return
	}
	if _, err := w.open().Put(w.t.Context(), key, storage.Body{Reader: strings.NewReader(text)}, storage.Attrs{}); err != nil {
		w.t.Fatal(err)
	}
}

// keyOf is where the audio of a company recording lies.
func (w *world) keyOf(id int64) string {
	all := w.account.Recordings()
	return key(all[slices.IndexFunc(all, func(r vbctest.Recording) bool { return r.Kind == vbctest.Company && r.ID == id })], "mp3")
}

func owner(r vbctest.Recording) string {
	if r.Kind == vbctest.OnDemand {
		return fmt.Sprint(r.User)
	}
	return ""
}

// nothingLostBut fails unless every recording but those is at VBC, or has a
// whole copy somewhere in the destination.
func (w *world) nothingLostBut(all, lost []vbctest.Recording) {
	w.t.Helper()
	has := map[storage.Digest]bool{}
	for _, c := range w.everything() {
		has[c.SHA256] = true
	}
	for _, r := range all {
		if !w.account.Has(r.Kind, r.User, r.ID) && !has[storage.Digest(r.SHA256())] && !slices.ContainsFunc(lost, func(l vbctest.Recording) bool { return l.ID == r.ID }) {
			w.t.Errorf("%d is lost", r.ID)
		}
	}
}
