package main_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// A service keeps no secret longer than the run that needs it: a password that is changed
// where the file says counts for the next run, without a reload and without a restart.
func TestSecretsAreFetchedForEachRun(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 1, inDir, nil)
	password := filepath.Join(t.TempDir(), "password")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(password, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f.members[0].lines = []string{f.members[0].reach("{file: " + password + "}")}
	f.write()
	write("not the one")
	stop := f.serves()
	f.want(f.run("run", "a0", "--config", f.file, "--wait", "--json"), 3, nil)
	write("correct horse")
	f.want(f.run("run", "a0", "--config", f.file, "--wait", "--json"), 0, nil)
	stop(syscall.SIGTERM)
}

// What VBC says of callers, in recordings and in errors, is told to nobody: neither by a
// run nor by the service, in no message, metric, report or memory.
func TestCallersAreNowhere(t *testing.T) {
	t.Parallel()
	const number, person = "17325550142", "JOHN Q SMITH"
	f := newFleet(t, 1, inDir, nil).write()
	m, people := f.members[0], newHooks(t)
	m.Add(vbctest.Recording{ID: 471147114711, Start: time.Now().UTC().Truncate(time.Second).AddDate(-1, 0, 0),
		Extra: map[string]any{"caller_id": number, "cnam": person}})
	f.setenv("PEOPLE", people.URL)
	told := filepath.Join(t.TempDir(), "told")
	f.tells("people: {on: [always], webhook: {url: {env: PEOPLE}}}", "chat: {on: [always], webhook: {url: {env: PEOPLE}, template: slack}}",
		"teams: {on: [always], webhook: {url: {env: PEOPLE}, template: teams}}", "hc: {healthchecks: {url: {env: PEOPLE}}}",
		"log: {on: [always], command: [/bin/sh, -c, 'cat >> "+told+"']}")
	words := `{"msg":"recording 471147114711 of ` + number + ` (` + person + `)"}`
	m.Inject(func(r *http.Request) *vbctest.Fault {
		if isAudio(r) {
			return &vbctest.Fault{Status: 404, Body: words}
		}
		return nil
	})
	metrics, page := filepath.Join(f.state, "vbcvault.prom"), filepath.Join(f.state, "report.html")
	r := f.run("archive", "--config", f.file, "--all", "--json", "--metrics-file", metrics)
	if r.code != 1 {
		t.Errorf("exit %d", r.code)
	}
	stop := f.serves()
	m.Inject(func(r *http.Request) *vbctest.Fault {
		if isList(r) {
			return &vbctest.Fault{Status: 403, Body: words}
		}
		return nil
	})
	f.run("run", "a0", "--config", f.file, "--wait", "--json")
	m.Inject(nil)
	f.want(f.run("run", "a0", "--config", f.file, "--wait", "--json"), 0, nil)
	stop(syscall.SIGTERM)
	f.want(f.run("report", "--config", f.file, "--since", "2020-01-01", "--out", page), 0, nil)
	texts := map[string]string{}
	f.filesOf(texts, f.state, filepath.Dir(told), strings.TrimPrefix(f.to, "file://"))
	seen := false
	for path, text := range texts {
		seen = seen || strings.Contains(text, number)
		switch filepath.Base(path) {
		case "vbcvault.prom", "report.html", "notified.json", "told", "service.db", "service.db-wal":
		default:
			delete(texts, path) // the archive and the manifest are for this
		}
	}
	if !seen || len(texts) < 5 {
		t.Errorf("nobody has called, or there are only %d files", len(texts))
	}
	_, bodies := people.said()
	texts["what people got"] = strings.Join(bodies, "\n")
	if !strings.Contains(texts["what people got"], "AdaptiveCard") || !strings.Contains(texts["what people got"], "vbcvault.failure") {
		t.Errorf("%d messages", len(bodies))
	}
	nowhere(t, []string{number, number[1:], person, "471147114711"}, texts)
}
