package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A report that is made for nobody, or never, is a warning: such a file works otherwise.
func TestConfigCheckNamesAReportWithoutReaders(t *testing.T) {
	t.Setenv("CHECK_SECRET", "hunter2")
	t.Setenv("VBCVAULT_STATE_DIR", t.TempDir())
	const file = `accounts:
  acme:
    older-than: 90d
    to: s3://my-bucket/recordings
    vbc: {username: bot, password: {env: CHECK_SECRET}, client-id: app, client-secret: {env: CHECK_SECRET}}
notify: {mail: {command: [/usr/bin/true]}}
report: `
	for report, want := range map[string]string{
		`{schedule: "0 7 1 * *"}`:                 "the report is sent to nobody",
		`{notify: [mail]}`:                        "the report is never made",
		`{schedule: "0 7 1 * *", notify: [mail]}`: "",
	} {
		path := filepath.Join(t.TempDir(), "vbcvault.yaml")
		if err := os.WriteFile(path, []byte(file+report+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		var out, errs bytes.Buffer
		code := run(t.Context(), []string{"config", "check", path}, streams{out: &out, err: &errs})
		if said := strings.Contains(out.String(), "the report is"); code != exitDone || said != (want != "") || !strings.Contains(out.String(), want) {
			t.Errorf("report: %s: exit code %d, want %q in\n%s%s", report, code, want, &out, &errs)
		}
	}
}
