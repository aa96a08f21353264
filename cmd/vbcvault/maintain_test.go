package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/outcome"
	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
)

// kept is an account whose archive is looked after, with an empty archive. Its secrets
// of VBC can't be fetched.
type kept struct {
	t        *testing.T
	account  config.Account
	worker   *worker
	manifest string
	log      bytes.Buffer
}

func newKept(t *testing.T) *kept {
	t.Helper()
	k := &kept{t: t}
	to := t.TempDir()
	none := config.Secret{File: filepath.Join(t.TempDir(), "no such secret")}
	k.account = config.Account{
		Name:     "acme",
		Flags:    []config.Flag{{Name: "to", Value: "file://" + to}, {Name: "account", Value: "549825"}, {Name: "older-than", Value: "90d"}},
		VBC:      config.VBC{Username: "admin", ClientID: "client", Password: none, ClientSecret: none},
		Schedule: config.Schedule{Sample: "1/1", BackupTo: t.TempDir(), Keep: 2},
	}
	c := &config.Config{Path: "vbcvault.yaml", StateDir: t.TempDir(), AccountsAtOnce: 1, Accounts: []config.Account{k.account}}
	k.worker = &worker{output: &output{streams: streams{out: io.Discard, err: io.Discard}, log: slog.New(slog.NewTextHandler(&k.log, nil)), printer: &interleaver{w: io.Discard}}}
	k.worker.use(c)
	var err error
	if k.manifest, _, err = k.worker.of(k.account).manifestFile(t.Context()); err != nil {
		t.Fatal(err)
	}
	m, err := sqlite.Open(t.Context(), k.manifest)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Bind(t.Context(), manifest.Binding{Account: "549825", Destination: "file://" + to}); err != nil {
		t.Fatal(err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	return k
}

// all does each piece of work once.
func (k *kept) all(ctx context.Context) map[string]outcome.Outcome {
	k.t.Helper()
	done := map[string]outcome.Outcome{}
	for kind, do := range map[string]func(context.Context, config.Account) outcome.Outcome{
		"verify": k.worker.Verify, "catalog": k.worker.Catalog, "backup": k.worker.Backup, "audit": k.worker.Audit,
	} {
		o := do(ctx, k.account)
		if o.Account != "acme" || o.Manifest != k.manifest || !strings.HasPrefix(o.Destination, "file://") || o.Run == "" || o.Ended.Before(o.Began) || o.Began.IsZero() {
			k.t.Errorf("%s: %+v", kind, o)
		}
		done[kind] = o
	}
	return done
}

func (k *kept) expect(done map[string]outcome.Outcome, codes map[string]int) {
	k.t.Helper()
	for kind, o := range done {
		if o.ExitCode != codes[kind] || (o.ErrorCode != "") != (codes[kind] != 0) {
			k.t.Errorf("%s: exit %d %s: %s (%s), want exit %d", kind, o.ExitCode, o.ErrorCode, o.Error, o.Hint, codes[kind])
		}
	}
}

// None of it asks VBC, so none needs its secrets.
func TestArchivesAreLookedAfter(t *testing.T) {
	t.Parallel()
	k := newKept(t)
	k.expect(k.all(t.Context()), nil)

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	k.expect(k.all(ended), map[string]int{"verify": exitInterrupted, "catalog": exitInterrupted, "backup": exitInterrupted, "audit": exitInterrupted})

	if err := os.Rename(k.manifest, k.manifest+".lost"); err != nil {
		t.Fatal(err)
	}
	k.expect(k.all(t.Context()), map[string]int{"verify": exitUsage, "catalog": exitUsage, "backup": exitUsage, "audit": exitUsage})
}

// Beside a run, what only reads works, and the rest says that it has to wait.
func TestArchivesAreLookedAfterBesideARun(t *testing.T) {
	t.Parallel()
	k := newKept(t)
	m, err := sqlite.Open(t.Context(), k.manifest)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	done := k.all(t.Context())
	k.expect(done, map[string]int{"verify": exitStopped, "catalog": exitStopped})
	for _, kind := range []string{"verify", "catalog"} {
		if done[kind].ErrorCode != code.AnotherRun {
			t.Errorf("%s: %s", kind, done[kind].ErrorCode)
		}
	}
}

// What is removed of old copies, and what never is.
func TestOldBackupsAreRemoved(t *testing.T) {
	t.Parallel()
	k := newKept(t)
	dir := k.account.Schedule.BackupTo
	if o := k.worker.Backup(t.Context(), k.account); o.ExitCode != 0 {
		t.Fatalf("%+v", o)
	}
	names := func() (all []string) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			all = append(all, e.Name())
		}
		return all
	}
	first := names()
	shape := regexp.MustCompile(`^vbcvault-acme-[0-9]{8}T[0-9]{6}Z-([0-9a-z]{8})\.manifest$`).FindStringSubmatch(first[0])
	if len(first) != 2 || shape == nil || first[1] != first[0]+".key" {
		t.Fatalf("a backup is %q", first)
	}
	copied, err := sqlite.OpenReadOnly(t.Context(), filepath.Join(dir, first[0]))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := copied.Binding(t.Context()); err != nil || b.Account != "549825" {
		t.Errorf("%+v, %v", b, err)
	}
	copied.Close()

	put := func(name string) string {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	ours := func(time string) string { return "vbcvault-acme-" + time + "-" + shape[1] + ".manifest" }
	stays := []string{
		put("notes.txt"), put("acme.manifest"), put("vbcvault-acme-20200101T000000Z-otherone.manifest"), put("vbcvault-acme-20200101T000000Z-otherone.manifest.key"),
		put("vbcvault-acme-2-20200101T000000Z-" + shape[1] + ".manifest"), put("vbcvault-acme-2020-" + shape[1] + ".manifest"),
		put(ours("20210101T000000Z") + ".gz"), put(ours("19990101T000000Z") + ".key"),
		put(ours("20250101T000000Z")), put(ours("20250101T000000Z") + ".key"), // the second one
		put(ours("20260101T000000Z")), // interrupted before it had its key: it isn't one of the two
	}
	for _, goes := range []string{"20200101T000000Z", "20210101T000000Z", "20240101T000000Z"} {
		put(ours(goes))
		put(ours(goes) + ".key")
	}
	put(ours("20230101T000000Z")) // interrupted, long ago
	put(ours("20240102T000000Z") + ".unfinished")
	put(ours("20240102T000000Z") + ".key.unfinished")
	if err := os.Mkdir(filepath.Join(dir, ours("20220101T000000Z")), 0o700); err != nil {
		t.Fatal(err)
	}
	stays = append(stays, ours("20220101T000000Z"))
	if err := os.Remove(filepath.Join(dir, first[0])); err != nil { // the next one may be of the same second
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, first[1])); err != nil {
		t.Fatal(err)
	}

	if o := k.worker.Backup(t.Context(), k.account); o.ExitCode != 0 {
		t.Fatalf("%+v", o)
	}
	left := names()
	made := slices.DeleteFunc(slices.Clone(left), func(name string) bool { return slices.Contains(stays, name) })
	for _, name := range stays {
		if !slices.Contains(left, name) {
			t.Errorf("%s is gone", name)
		}
	}
	if len(made) != 2 || !strings.HasPrefix(made[0], "vbcvault-acme-2") || made[1] != made[0]+".key" {
		t.Errorf("beside these there are %q", made)
	}
	if !strings.Contains(k.log.String(), "old_copies_removed=4") {
		t.Errorf("it says\n%s", k.log.String())
	}
}

// Where there is no copy, nothing old is removed.
func TestABackupThatFailsRemovesNothing(t *testing.T) {
	t.Parallel()
	k := newKept(t)
	dir := k.account.Schedule.BackupTo
	k.account.Schedule.Keep = 1
	if o := k.worker.Backup(t.Context(), k.account); o.ExitCode != 0 {
		t.Fatalf("%+v", o)
	}
	before, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(before) != 2 {
		t.Fatalf("%q, %v", before, err)
	}
	old := regexp.MustCompile(`acme-[0-9]{8}`).ReplaceAllString(before[0], "acme-20200101")
	for i, from := range before {
		if err := os.Rename(from, old+[]string{"", ".key"}[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(sqlite.KeyFile(k.manifest)); err != nil { // so that the copy has none
		t.Fatal(err)
	}
	if o := k.worker.Backup(t.Context(), k.account); o.ExitCode != exitIncomplete || !strings.Contains(o.Error, "its key is not") {
		t.Errorf("without a key: %+v", o)
	}
	if _, err := os.Stat(old); err != nil {
		t.Errorf("the last copy with a key: %v", err)
	}
	for where, text := range map[string]string{"": "backup-to is missing", filepath.Join(dir, "nowhere"): "there is no directory", filepath.Dir(k.manifest): "the directory of the manifest itself"} {
		k.account.Schedule.BackupTo = where
		if o := k.worker.Backup(t.Context(), k.account); o.ExitCode != exitUsage || !strings.Contains(o.Error, text) || o.Hint == "" {
			t.Errorf("to %s: %+v", where, o)
		}
	}
}

// The text of a mistake in the configuration goes to notifications: it is in our own
// words, with its place in the file, whatever else went wrong at the same time.
func TestMistakeInOurWords(t *testing.T) {
	t.Parallel()
	theirs := errors.New("VBC says +15551234567")
	c := configured{path: "vbcvault.yaml", Account: config.Account{Name: "acme", Line: 7}}
	for want, err := range map[string]error{
		"no key": fmt.Errorf("%w: %w", theirs, errors.Join(usagef("add it", "no key"), theirs)),
		"vbcvault.yaml:7: accounts.acme: account acme: no key": errors.Join(theirs, c.located(usagef("add it", "no key"))),
	} {
		var out carriedOut
		out.end(err)
		if out.ErrorCode != code.Usage || out.Error != want || out.Hint != "add it" {
			t.Errorf("%s: %q, %q; want %q", out.ErrorCode, out.Error, out.Hint, want)
		}
	}
	var out carriedOut
	out.end(theirs)
	if out.Error != theirs.Error() {
		t.Errorf("%q", out.Error)
	}
}
