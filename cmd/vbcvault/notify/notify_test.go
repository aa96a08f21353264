package notify

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/outcome"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/overview"
	"github.com/vbcvault/vbcvault/pipeline"
	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
)

// secretOf is a reference to a secret.
func secretOf(t testing.TB, value string) config.Secret {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(value), 0o600); err != nil {
		t.Fatal(err)
	}
	return config.Secret{File: path}
}

// teller tells through these, and logs to where the test can read it.
func teller(t testing.TB, n ...config.Notifier) (*Teller, *bytes.Buffer) {
	t.Helper()
	log := &bytes.Buffer{}
	tell := New(n, Remember(filepath.Join(t.TempDir(), "state", MemoryFile)), slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	tell.Hurry([]time.Duration{time.Millisecond})
	return tell, log
}

var night = time.Date(2025, 11, 27, 2, 17, 0, 0, time.UTC)

// well is a run in the nth night that did all there was to do.
func well(n int) Occasion {
	began := night.AddDate(0, 0, n)
	return Occasion{
		Outcome: outcome.Outcome{
			Account: "acme", Destination: "s3://acme/vbc", Manifest: "/var/lib/vbcvault/acme.manifest", Run: uuid.NewString(), Began: began, Ended: began.Add(90 * time.Second),
			Summary: pipeline.Summary{Archived: 12, Deleted: 10, Bytes: 3 << 20, Log: &pipeline.Checkpoint{Origin: "vbcvault/549825/0123", Size: 77, Root: receipt.Root{1}}},
		},
		After: &overview.Overview{Account: "549825"}, Config: "/etc/vbcvault/vbcvault.yaml",
	}
}

// bad is a run in the nth night in which recordings failed with these codes, for good.
func bad(n int, codes ...string) Occasion {
	o := well(n)
	o.Outcome.ExitCode, o.Outcome.ErrorCode, o.Outcome.Failed = 1, code.Incomplete, int64(len(codes))
	for i, c := range codes {
		o.After.Failures = append(o.After.Failures, overview.Failure{Recording: c + string(rune('0'+i)), Code: c, Permanent: true, Attempts: 3})
	}
	return o
}

// stopped is a run in the nth night that stopped early.
func stopped(n int, c string) Occasion {
	o := well(n)
	o.Outcome.ExitCode, o.Outcome.ErrorCode, o.Outcome.Error, o.Outcome.Hint = 3, c, "words of VBC's", "call somebody"
	return o
}

// to is a notifier that writes what it is told into a file, a line each.
func to(t testing.TB, name string, on ...string) (config.Notifier, func() []Message) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "told")
	return config.Notifier{Name: name, On: on, Command: []string{"/bin/sh", "-c", `cat >> "$0" && echo >> "$0"`, file}}, func() (all []Message) {
		b, err := os.ReadFile(file)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		for line := range bytes.Lines(b) {
			var got body
			if err := json.Unmarshal(line, &got); err != nil {
				t.Fatalf("%v: %s", err, line)
			}
			all = append(all, got.Data)
		}
		return all
	}
}
