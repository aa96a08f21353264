package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/vbcvault/vbcvault/pipeline"
	"github.com/vbcvault/vbcvault/pipeline/check"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/place"
	"github.com/vbcvault/vbcvault/vbc"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// demoPage is a demonstration of vbcvault web in one directory: the real page, over
// what the real program has archived of two simulated accounts.
type demoPage struct {
	*demoFlags
	base    string
	config  string // path of the configuration file
	listen  string // address of the page
	today   time.Time
	offices []*demoOffice
	stops   []func()
}

// Each account of demo --web has so many recordings unless --recordings says otherwise,
// and not more than most.
const demoWebRecordings, demoWebMost = 180, 5000

// showPage archives, and answers as the page until ctx has ended or the time is over.
func (f *demoFlags) showPage(ctx context.Context, o *output) error {
	if f.recordings > demoWebMost {
		return usagef(fmt.Sprintf("at most %d", demoWebMost), "--recordings %d: each has its speech, and is kept in memory", f.recordings)
	}
	archive, err := f.directory()
	if err != nil {
		return err
	}
	base := filepath.Dir(archive)
	d := &demoPage{demoFlags: f, base: base, config: filepath.Join(base, "vbcvault.yaml"), offices: demoOffices(), today: time.Now().UTC().Truncate(24 * time.Hour)}
	defer func() {
		for _, stop := range d.stops {
			stop()
		}
	}()
	if err := d.prepare(ctx, o); err != nil {
		return err
	}
	return d.answer(ctx, o)
}

// prepare makes the accounts, the configuration and, if there is none from an earlier
// demo, the archive.
func (d *demoPage) prepare(ctx context.Context, o *output) (err error) {
	furnish(d.offices, d.recordings, d.today)
	if err := os.MkdirAll(filepath.Join(d.base, "secrets"), 0o700); err != nil {
		return fmt.Errorf("create a directory for the demo's secrets: %w", err)
	}
	for name, text := range map[string]string{"password": demoPassword, "client-secret": "secret"} {
		if err := os.WriteFile(d.secret(name), []byte(text+"\n"), 0o600); err != nil {
			return fmt.Errorf("write the demo's secrets: %w", err)
		}
	}
	for _, f := range d.offices {
		if err := f.forget(ctx, d.manifest(f)); err != nil {
			return err
		}
		if err := os.MkdirAll(d.archive(f), 0o700); err != nil {
			return fmt.Errorf("create an archive for the demo: %w", err)
		}
		url, stop, err := serve(f.vbc)
		if err != nil {
			return err
		}
		f.url, d.stops = url, append(d.stops, stop)
	}
	if d.listen, err = freePort(ctx); err != nil {
		return err
	}
	if err := os.WriteFile(d.config, []byte(d.yaml()), 0o600); err != nil {
		return fmt.Errorf("write the demo's configuration: %w", err)
	}
	if _, err := os.Stat(d.manifest(d.offices[0])); err == nil {
		return nil
	}
	fmt.Fprintf(o.out, "This is a simulation: two accounts inside this process, with %d recorded calls each. Nobody\nwas called; computers read the texts. The program that archives them, and the page, are the real ones.\n\nArchiving …\n", d.recordings)
	return d.fill(ctx, o)
}

func (d *demoPage) archive(f *demoOffice) string { return filepath.Join(d.base, "archive", f.name) }
func (d *demoPage) state() string                { return filepath.Join(d.base, "state") }
func (d *demoPage) secret(name string) string    { return filepath.Join(d.base, "secrets", name) }
func (d *demoPage) manifest(f *demoOffice) string {
	return filepath.Join(d.state(), f.name+".manifest")
}

// yaml is the configuration file. In YAML, strings in double quotes are as in Go.
func (d *demoPage) yaml() string {
	var b strings.Builder
	fmt.Fprintf(&b, `# Written by vbcvault demo --web. All keys: vbcvault help config
state-dir: %q
defaults: # for all accounts
  older-than: 2d
  trust-mount: true # nothing is lost in a simulation
  vbc: {username: admin, password: {file: %q}, client-id: client, client-secret: {file: %q}}
accounts:
`, d.state(), d.secret("password"), d.secret("client-secret"))
	for _, f := range d.offices {
		fmt.Fprintf(&b, "  %s: # %s\n    account: \"%d\"\n    to: %q\n    manifest: %q\n    vbc: {api-url: %q}\n",
			f.name, f.about, f.account, destination{dir: d.archive(f)}.String(), d.manifest(f), f.url)
	}
	fmt.Fprintf(&b, `web:
  listen: %q
  four-eyes: true # a second person must agree before a hold ends
  roles:
    pharmacy-desk: # who leads the two that answer for the pharmacy
      {role: supervisor, accounts: [main], extensions: ["201", "202"], max-age: 120d}
`, d.listen)
	return b.String()
}

// fill archives what the page shows, with what goes wrong in the life of an archive.
func (d *demoPage) fill(ctx context.Context, o *output) error {
	main, branch := d.offices[0], d.offices[1]
	missing := vbctest.Fault{Status: http.StatusNotFound, Body: `{"message":"Audio not found"}`}
	main.broken = map[int64]vbctest.Fault{main.at(70).ID: missing, main.at(77).ID: missing}
	branch.broken = map[int64]vbctest.Fault{branch.at(60).ID: missing}
	for _, step := range []func(context.Context, *output) error{
		func(ctx context.Context, o *output) error { return d.run(ctx, o, main, 2*24*time.Hour, false) },
		func(ctx context.Context, o *output) error { return d.run(ctx, o, branch, 12*24*time.Hour, false) },
		d.hold,
		func(ctx context.Context, o *output) error { return d.run(ctx, o, main, demoAge, true) },
		func(ctx context.Context, o *output) error { return d.interrupted(ctx, o, branch) },
		func(ctx context.Context, o *output) error { return d.damage(ctx, o, main) },
	} {
		if err := step(ctx, o); err != nil {
			return err
		}
		if err := context.Cause(ctx); err != nil {
			return err
		}
	}
	return nil
}

// quiet is an output of which nobody hears.
func quiet(o *output) *output {
	q := *o
	q.json, q.progressStyle, q.bars = true, "none", false
	q.streams = streams{out: io.Discard, err: io.Discard}
	q.printer = &interleaver{w: io.Discard}
	q.log = slog.New(slog.DiscardHandler)
	return &q
}

// run archives the calls of an office that are older, and deletes them at VBC.
func (d *demoPage) run(ctx context.Context, o *output, f *demoOffice, age time.Duration, deletes bool) error {
	j := &job{
		options: pipeline.Options{
			Account: "self", Cutoff: d.today.Add(24*time.Hour - age), Delete: deletes, Workers: 8, Version: programVersion(), Kinds: []vbc.Kind{vbc.Company},
		},
		vbc:         vbc.Options{URL: f.url, Username: "admin", Password: demoPassword, ClientID: "client", ClientSecret: "secret"},
		destination: destination{dir: d.archive(f)},
		manifest:    d.manifest(f),
		around:      environment(),
		simulated:   true,
		trustMount:  true,
	}
	_, err := j.run(ctx, quiet(o))
	if err != nil && codeOf(err) != exitIncomplete { // some fail, and are shown
		return fmt.Errorf("archive the calls of %s: %w", f.name, err)
	}
	return nil
}

// interrupted archives the newest calls of an office, and is stopped after a few: the
// others are listed and no more.
func (d *demoPage) interrupted(ctx context.Context, o *output, f *demoOffice) error {
	stopped, stop := context.WithCancel(ctx)
	defer stop()
	var asked atomic.Int64
	f.onAudio = func(int64) {
		if asked.Add(1) == 3 {
			stop()
		}
	}
	err := d.run(stopped, o, f, 2*24*time.Hour, false)
	f.onAudio = nil
	if stopped.Err() != nil && ctx.Err() == nil {
		return nil
	}
	return err
}

// hold puts calls under holds.
func (d *demoPage) hold(ctx context.Context, o *output) error {
	main, branch := d.offices[0], d.offices[1]
	number, name := main.busiest()
	for _, h := range []struct {
		of *demoOffice
		manifest.Hold
	}{
		{main, manifest.Hold{CallerID: number, Reason: name + " v. Linden Pharmacy, case 26-0117", By: "counsel@example.com"}},
		{main, manifest.Hold{IDs: []int64{main.at(20).ID}, Reason: "complaint of a customer", By: "quality@example.com"}},
		{branch, manifest.Hold{Extension: "302", Since: branch.at(30).Start, Until: branch.at(50).Start, Reason: "request of the supervisory authority", By: "compliance@example.com"}},
	} {
		a := holdAdd{streams: quiet(o).streams, holdWhere: holdWhere{path: d.manifest(h.of)}, wait: time.Minute}
		if err := a.run(ctx, h.Hold); err != nil {
			return fmt.Errorf("add a hold in %s: %w", h.of.name, err)
		}
	}
	return nil
}

// damage overwrites a copy of what VBC no longer has, as a disk does that forgets, and
// has it found. With very few recordings none is deleted, and nothing is damaged.
func (d *demoPage) damage(ctx context.Context, o *output, f *demoOffice) error {
	row, err := d.oldestDeleted(ctx, f)
	if err != nil || row.Copy.Audio.Key == "" {
		return err
	}
	file, err := os.OpenFile(filepath.Join(d.archive(f), filepath.FromSlash(row.Copy.Audio.Key)), os.O_WRONLY, 0)
	if err == nil {
		_, err = file.WriteAt(make([]byte, 4096), 8192)
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		return fmt.Errorf("damage a copy: %w", err)
	}
	_, err = inspect(ctx, quiet(o), environment(), d.manifest(f), check.VerifyOptions{Workers: 4, Deep: true, Now: time.Now()}, false)
	if err != nil && codeOf(err) != exitIncomplete {
		return fmt.Errorf("find the damaged copy: %w", err)
	}
	return nil
}

// oldestDeleted is the oldest recording of an office that was deleted at VBC, or nothing.
func (d *demoPage) oldestDeleted(ctx context.Context, f *demoOffice) (row manifest.Row, err error) {
	m, err := place.OpenReadOnly(ctx, d.manifest(f), place.Options{})
	if err != nil {
		return row, err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	for row, err := range m.Search(ctx, manifest.Query{States: []manifest.State{manifest.Purged}, OldestFirst: true, Limit: 1}) {
		return row, err
	}
	return row, nil
}
