package main_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/storagetest"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// --out - writes the audio of one recording and nothing else, and its exit code
// says whether that is the recording.
func TestRestoreToStdout(t *testing.T) {
	t.Parallel()
	for name, place := range places {
		t.Run(name, func(t *testing.T) {
			w := place(newWorld(t, vbctest.Config{}))
			all := w.someRecordings(3)
			w.account.Add(vbctest.Recording{Kind: vbctest.OnDemand, ID: 100001, Start: all[0].Start})
			w.want(w.archive("--older-than", "90d", "--kind", "company,on-demand"), 0, nil)
			r := w.run("restore", "--id", "100001", "--kind", "company", "--out", "-")
			if r.code != 0 || storage.SumOf([]byte(r.stdout)) != storage.Digest(all[0].SHA256()) || r.stderr != "" {
				t.Errorf("exit %d, %d bytes", r.code, len(r.stdout))
			}
			if r := w.run("restore", "--id", "100001", "--out", "-"); r.code != 2 || r.stdout != "" || !strings.Contains(r.stderr, "on-demand recording 100001 of user 745249") {
				t.Errorf("two recordings: exit %d", r.code)
			}
			if r := w.run("restore", "--id", "1", "--out", "-"); r.code != 1 || r.stdout != "" || !strings.Contains(r.stderr, "no recording matches") {
				t.Errorf("none: exit %d", r.code)
			}
			w.flip(key(all[1], "mp3"))
			if r := w.run("restore", "--id", "100002", "--out", "-"); r.code != 1 || !strings.Contains(r.stderr, "the output must not be used") || !strings.Contains(r.stderr, "verify --deep") {
				t.Errorf("damaged: exit %d", r.code)
			}
			w.remove(key(all[2], "mp3"))
			if r := w.run("restore", "--id", "100003", "--out", "-"); r.code != 1 || r.stdout != "" || !strings.Contains(r.stderr, "no such object") {
				t.Errorf("missing: exit %d", r.code)
			}
			for _, args := range [][]string{{"--json"}, {"--name-template", "{id}.mp3"}} {
				if r := w.run(append([]string{"restore", "--id", "100002", "--out", "-"}, args...)...); r.code != 2 || r.stdout != "" {
					t.Errorf("%q: exit %d", args, r.code)
				}
			}
		})
	}
}

// Half of it is not it.
func TestRestoreToStdoutBreaksOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inS3(func(op, _ string, _ *http.Request) *storagetest.S3Fault {
		if op == "GetObject" {
			return &storagetest.S3Fault{CutAfter: 5000}
		}
		return nil
	})
	w.someRecordings(1)
	w.want(w.archive("--older-than", "90d"), 0, nil)
	if r := w.run("restore", "--all", "--out", "-"); r.code != 1 || !strings.Contains(r.stderr, "must not be used") {
		t.Errorf("exit %d", r.code)
	}
}
