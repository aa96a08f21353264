package main_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// Calls are found by what was said once somebody asks for it, and not before: a run reads
// no transcript. What is erased is in nothing that lies on disk of the manifest.
func TestIndex(t *testing.T) {
	t.Parallel()
	for name, place := range map[string]func(*world) *world{"S3": func(w *world) *world { return w.inS3(nil) }, "directory": (*world).inDir} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := place(newWorld(t, vbctest.Config{}))
			recs := transcribed(w, 4)
			w.account.Transcribe(recs[2].ID, "Good zebedeequartz")
			w.want(w.archive(deleteOld...), 0, map[string]int{"archived": 4, "transcripts": 3})
			if r := w.run("list", "--words", "good"); r.code != 0 || !strings.Contains(r.stderr, "3 transcripts are not in the index yet") || strings.Contains(r.stdout, fmt.Sprint(recs[0].ID)) {
				t.Errorf("exit code %d\n%s%s", r.code, r.stdout, r.stderr)
			}
			w.want(w.run("index", "--json"), 0, map[string]int{"indexed": 3, "damaged": 0})
			w.want(w.run("index", "--json"), 0, map[string]int{"indexed": 0})
			for words, want := range map[string]int{"good": 3, `"GRUSS gott"`: 1, `"good morning"`: 2, "zebe*": 1, "segments": 0, "good -": 3} {
				if r := w.run("list", "--words", words, "--json"); r.code != 0 || r.stderr != "" || strings.Count(r.stdout, "\n") != want {
					t.Errorf("%s: exit code %d, want %d recordings\n%s%s", words, r.code, want, r.stdout, r.stderr)
				}
			}
			for words, says := range map[string]string{"?": "there is no word", "ab*": "at least 3 letters", " ": "--words is empty"} {
				if r := w.run("list", "--words", words); r.code != 2 || !strings.Contains(r.stderr, says) {
					t.Errorf("%s: exit code %d: %s", words, r.code, r.stderr)
				}
			}
			if r := w.run("list", "--words", "good", "--count"); r.code != 0 || !strings.Contains(r.stdout, "3") {
				t.Errorf("exit code %d: %s", r.code, r.stdout)
			}
			if !bytes.Contains(w.manifestFiles(), []byte("bedeequartz")) {
				t.Fatal("a word isn't found in the manifest as it is looked for here")
			}
			if r := w.erase("--id", fmt.Sprint(recs[2].ID)); r.code != 0 {
				t.Fatal(r.stderr)
			}
			if bytes.Contains(w.manifestFiles(), []byte("bedeequartz")) {
				t.Error("what was said in an erased call is on disk")
			}
			if r := w.run("list", "--words", "good", "--json"); strings.Count(r.stdout, "\n") != 2 {
				t.Errorf("found\n%s", r.stdout)
			}
		})
	}
}

// A transcript that isn't what was archived is news, in no index, and no exit code of 0.
func TestIndexOfDamaged(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	recs := transcribed(w, 2)
	w.want(w.archive(deleteOld...), 0, map[string]int{"archived": 2, "transcripts": 2})
	at := filepath.Join(strings.TrimPrefix(w.to, "file://"), filepath.FromSlash(key(recs[0], "transcript.json")))
	if err := errors.Join(os.Remove(at), os.WriteFile(at, []byte(strings.ReplaceAll(spoken, "good", "evil")), 0o600)); err != nil {
		t.Fatal(err)
	}
	for range 2 { // and not only the first time
		r := w.run("index", "--json")
		w.want(r, 1, map[string]int{"damaged": 1})
		if !strings.Contains(r.stderr, "1 transcript is not in the index (damaged: 1)") {
			t.Error(r.stderr)
		}
	}
	if r := w.run("list", "--words", "evil"); strings.Contains(r.stdout, fmt.Sprint(recs[0].ID)) {
		t.Error("a forged word is found")
	}
	if r := w.run("status"); !strings.Contains(r.stdout, "LOST unless") {
		t.Errorf("status: exit code %d\n%s", r.code, r.stdout)
	}
}

// The page fills the index by itself.
func TestPageIndexes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	transcribed(w, 2)
	w.want(w.archive(deleteOld...), 0, map[string]int{"archived": 2, "transcripts": 2})
	s := &served{world: w, log: &saidSoFar{}, cmd: w.command("web", "--manifest", w.manifest(), "--listen", "127.0.0.1:0")}
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.kill)
	s.says("transcripts were indexed")
	for end := time.Now().Add(time.Minute); ; {
		if r := w.run("list", "--words", "morning", "--json"); strings.Count(r.stdout, "\n") == 2 {
			return
		} else if time.Now().After(end) {
			t.Fatalf("%s%s", r.stdout, r.stderr)
		}
	}
}
