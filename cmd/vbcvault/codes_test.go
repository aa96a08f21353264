package main_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/vbcvault/vbcvault/storage/storagetest"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// What was acknowledged is known while it fails with the same code, whatever VBC
// says with it, and news with another.
func TestAcknowledgedByCode(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	id := w.someRecordings(1)[0].ID
	var answer atomic.Pointer[vbctest.Fault]
	w.account.Inject(func(r *http.Request) *vbctest.Fault {
		if isAudio(r) {
			return answer.Load()
		}
		return nil
	})
	night := []string{"--older-than", "90d"}
	answer.Store(&vbctest.Fault{Status: 404, Body: `{"msg":"no such audio"}`})
	w.want(w.archive(night...), 1, map[string]int{"failed": 1})
	first := w.story(id)
	if r := w.run("acknowledge", "--id", fmt.Sprint(id), "--reason", "ticket 4711"); r.code != 0 {
		t.Fatalf("acknowledge: exit %d", r.code)
	}
	answer.Store(&vbctest.Fault{Status: 404, Body: `{"msg":"removed on Monday"}`})
	w.want(w.archive(night...), 0, map[string]int{"failed": 0, "acknowledged": 1})
	s := w.story(id)
	if s.Failure == nil || s.Failure.Reason == first.Failure.Reason || s.Failure.Code != "vbc-404" || s.Failure.Acknowledged != "ticket 4711" || s.Advice != "acknowledged: ticket 4711" {
		t.Errorf("first %+v, then %+v", first.Failure, s)
	}
	answer.Store(&vbctest.Fault{Status: 200, Body: "<html>sign in</html>"})
	w.want(w.archive(append(night, "--retry-failed")...), 1, map[string]int{"failed": 1, "acknowledged": 0})
	if s = w.story(id); s.Failure == nil || s.Failure.Code != "not-audio" || s.Failure.Acknowledged != "" {
		t.Errorf("%+v", s.Failure)
	}
}

// What ends a run has a code in its summary, in its log, and in the manifest.
func TestEndsHaveCodes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	code := func(r result, exit int, want string) {
		t.Helper()
		if r.code != exit || r.summary["error_code"] != want || r.summary["error"] == nil {
			t.Errorf("exit %d, %v; want %d, %s", r.code, r.summary["error_code"], exit, want)
		}
	}
	code(w.archive("--older-than", "ninety days"), 2, "usage")
	w.someRecordings(45)
	w.account.Inject(func(r *http.Request) *vbctest.Fault {
		if isAudio(r) {
			return &vbctest.Fault{Status: 404, Body: `{"msg":"no such audio"}`}
		}
		return nil
	})
	r := w.archive("--older-than", "90d", "--log-format", "json")
	code(r, 3, "all-alike")
	w.says(r, `"code":"all-alike"`, `"code":"vbc-404"`)
	var st struct {
		Runs []struct {
			Summary struct {
				Code string `json:"stopped_code"`
			}
		}
		Failures []struct{ Code string }
	}
	status := w.run("status", "--json")
	if err := json.Unmarshal([]byte(status.stdout), &st); err != nil || len(st.Runs) != 1 || st.Runs[0].Summary.Code != "all-alike" || len(st.Failures) == 0 || st.Failures[0].Code != "vbc-404" {
		t.Errorf("%+v, %v", st, err)
	}
	w.account.Inject(nil)
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 45})
	w.env = append(w.env, "VBC_PASSWORD=wrong")
	code(w.archive("--older-than", "90d"), 3, "login")
}

// A recording that is held back counts under why it is, in a run and in a dry run.
func TestHeldBackSaysWhy(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	all := w.someRecordings(6)
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 6})
	w.hold(append([]string{"add", "--id", fmt.Sprint(all[0].ID), "--id", fmt.Sprint(all[1].ID)}, byCounsel...)...)
	why := func(r result, want map[string]float64) {
		t.Helper()
		by, _ := r.summary["held_back_by"].(map[string]any)
		if len(by) != len(want) {
			t.Errorf("held back by %v, want %v", by, want)
		}
		for c, n := range want {
			if by[c] != n {
				t.Errorf("%v are held back by %s, want %v", by[c], c, n)
			}
		}
	}
	limited := []string{"--older-than", "90d", "--delete", "--max-deletes", "1"}
	why(w.archive(append(limited, "--dry-run")...), map[string]float64{"hold": 2, "max-deletes": 3})
	why(w.archive(limited...), map[string]float64{"hold": 2, "max-deletes": 3})
	why(w.archive("--older-than", "90d", "--delete", "--delete-after", "7d"), map[string]float64{"hold": 2, "too-young": 3})
	r := w.run("archive", "--to", w.to, "--older-than", "90d", "--delete", "--delete-after", "7d")
	if !strings.Contains(r.stdout, "3 archived more recently than --delete-after allows; 2 under a legal hold") {
		t.Error("the table doesn't say why")
	}
	why(w.archive("--older-than", "90d"), nil)
}

// That its audio can't be had is acknowledged, and not that VBC refuses to delete
// it once it is archived, were it with the same answer.
func TestAcknowledgedAudioIsNoDeletion(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	id := w.someRecordings(1)[0].ID
	refuse := func(what func(*http.Request) bool) {
		w.account.Inject(func(r *http.Request) *vbctest.Fault {
			if what(r) {
				return &vbctest.Fault{Status: 409, Body: `{"msg":"conflict"}`}
			}
			return nil
		})
	}
	night := []string{"--older-than", "90d", "--delete"}
	refuse(isAudio)
	w.want(w.archive(night...), 1, map[string]int{"failed": 1})
	if r := w.run("acknowledge", "--id", fmt.Sprint(id), "--reason", "ticket 4711"); r.code != 0 {
		t.Fatalf("acknowledge: exit %d", r.code)
	}
	w.want(w.archive(night...), 0, map[string]int{"failed": 0, "acknowledged": 1})
	refuse(isDelete)
	w.want(w.archive(night...), 1, map[string]int{"archived": 1, "failed": 1, "acknowledged": 0})
}

// A copy that a lifecycle rule has moved to cold storage can't be read again before
// its recording is deleted, and status says what can be done about that.
func TestColdCopyHasAdvice(t *testing.T) {
	t.Parallel()
	var cold atomic.Bool
	w := newWorld(t, vbctest.Config{}).inS3(func(op, key string, _ *http.Request) *storagetest.S3Fault {
		if cold.Load() && op == "GetObject" && strings.HasSuffix(key, ".mp3") {
			return &storagetest.S3Fault{Status: http.StatusForbidden, Code: "InvalidObjectState"}
		}
		return nil
	})
	id := w.someRecordings(1)[0].ID
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 1})
	cold.Store(true)
	w.want(w.archive("--older-than", "90d", "--delete"), 1, map[string]int{"deleted": 0, "failed": 1})
	if s := w.story(id); s.Failure == nil || s.Failure.Code != "cold" || !strings.Contains(s.Advice, "vbcvault restore --thaw") {
		t.Errorf("%+v", s)
	}
	cold.Store(false)
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 1})
}
