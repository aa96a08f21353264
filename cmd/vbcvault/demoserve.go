package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/notify"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/service"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// demoAccount is one of the simulated accounts that demo --serve serves.
type demoAccount struct {
	name, about string
	number      int64
	most        int // recordings, at most; 0 = as many as --recordings says
	password    string
	cfg         vbctest.Config

	url string // of its API
}

// demoAccounts are what an administrator may meet: one that is fine, one whose quota
// is small, one that VBC refuses.
func demoAccounts() []*demoAccount {
	return []*demoAccount{
		{name: "acorn", about: "all is well", number: 549825, password: demoPassword},
		{name: "birch", about: "VBC allows it only 6 requests in 10 seconds", number: 549826, most: 24, password: demoPassword,
			cfg: vbctest.Config{Quota: 6, QuotaWindow: 10 * time.Second}},
		{name: "cedar", about: "VBC refuses its password", number: 549827, password: "not the password"},
	}
}

const demoPassword = "correct horse"

// demoService is a demonstration of vbcvault serve in one directory.
type demoService struct {
	*demoFlags
	base     string
	config   string // path of the configuration file
	metrics  string // address
	accounts []*demoAccount
	stops    []func()
}

// serveAll has the real service archive three simulated accounts, until all is done,
// the time is over, or ctx has ended, and then makes the real report.
func (f *demoFlags) serveAll(ctx context.Context, o *output) error {
	archive, err := f.directory()
	if err != nil {
		return err
	}
	base := filepath.Dir(archive)
	d := &demoService{demoFlags: f, base: base, config: filepath.Join(base, "vbcvault.yaml"), accounts: demoAccounts()}
	defer func() {
		for _, stop := range d.stops {
			stop()
		}
	}()
	if err := d.prepare(ctx, o); err != nil {
		return err
	}
	d.introduce(o.out)
	if err := d.serve(ctx, o); err != nil {
		return err
	}
	return d.conclude(context.WithoutCancel(ctx), o) // Ctrl-C ends the service; what it came to is told
}

// prepare makes the accounts, and all that the service reads.
func (d *demoService) prepare(ctx context.Context, o *output) error {
	today := time.Now().UTC().Truncate(24 * time.Hour)
	for _, a := range d.accounts {
		a.cfg.Account = a.number
		account := vbctest.New(a.cfg)
		n := d.recordings
		if a.most > 0 {
			n = min(n, a.most)
		}
		all := account.Generate(n, today.Add(-time.Hour), 2*demoAge/time.Duration(n))
		if err := forgetPurged(ctx, account, d.manifest(a), all); err != nil {
			return err
		}
		if err := os.MkdirAll(d.archive(a), 0o700); err != nil {
			return fmt.Errorf("create an archive for the demo: %w", err)
		}
		var err error
		if a.url, err = d.answer(account); err != nil {
			return err
		}
	}
	hook, err := d.answer(&demoHook{out: o.out})
	if err != nil {
		return err
	}
	if d.metrics, err = freePort(ctx); err != nil {
		return err
	}
	if err := d.keepSecrets(hook); err != nil {
		return fmt.Errorf("write the demo's secrets: %w", err)
	}
	if err := os.WriteFile(d.config, []byte(d.yaml()), 0o600); err != nil {
		return fmt.Errorf("write the demo's configuration: %w", err)
	}
	return nil
}

func (d *demoService) archive(a *demoAccount) string { return filepath.Join(d.base, "archive", a.name) }
func (d *demoService) manifest(a *demoAccount) string {
	return filepath.Join(d.state(), a.name+".manifest")
}
func (d *demoService) state() string             { return filepath.Join(d.base, "state") }
func (d *demoService) secret(name string) string { return filepath.Join(d.base, "secrets", name) }

// keepSecrets writes each secret into a file of its own. A password that is there already
// stays: somebody has corrected it.
func (d *demoService) keepSecrets(hook string) error {
	if err := os.MkdirAll(filepath.Join(d.base, "secrets"), 0o700); err != nil {
		return err
	}
	for _, a := range d.accounts {
		if _, err := os.Stat(d.secret(a.name)); err == nil {
			continue
		}
		if err := os.WriteFile(d.secret(a.name), []byte(a.password+"\n"), 0o600); err != nil {
			return err
		}
	}
	return errors.Join(os.WriteFile(d.secret("client-secret"), []byte("secret\n"), 0o600), os.WriteFile(d.secret("terminal"), []byte(hook+"\n"), 0o600))
}

// answer answers on a loopback port until the demo ends.
func (d *demoService) answer(h http.Handler) (url string, err error) {
	url, stop, err := serve(h)
	if err == nil {
		d.stops = append(d.stops, stop)
	}
	return url, err
}

// freePort is an address of loopback that nobody listens at for now.
func freePort(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port for the metrics: %w", err)
	}
	return l.Addr().String(), l.Close()
}

// yaml is the configuration file. In YAML, strings in double quotes are as in Go.
func (d *demoService) yaml() string {
	var b strings.Builder
	fmt.Fprintf(&b, `# Written by vbcvault demo --serve. All keys: vbcvault help config
state-dir: %q
defaults: # for all accounts
  older-than: 90d
  delete: %v
  trust-mount: true # nothing is lost in a simulation
  vbc: {username: admin, client-id: client, client-secret: {file: %q}}
  schedule: {cron: "17 2 * * *", time-zone: UTC} # each night; the demo doesn't wait for it
accounts:
`, d.state(), d.delete, d.secret("client-secret"))
	for _, a := range d.accounts {
		fmt.Fprintf(&b, "  %s: # %s\n    account: \"%d\"\n    to: %q\n    manifest: %q\n    vbc: {password: {file: %q}, api-url: %q}\n",
			a.name, a.about, a.number, destination{dir: d.archive(a)}.String(), d.manifest(a), d.secret(a.name), a.url)
	}
	fmt.Fprintf(&b, "service: {listen: %q} # metrics and health\nnotify:\n  terminal: {on: [failure, recovery, news], webhook: {url: {file: %q}}}\n",
		d.metrics, d.secret("terminal"))
	return b.String()
}

func (d *demoService) introduce(out io.Writer) {
	fmt.Fprintf(out, "This is a simulation: three accounts inside this process. The service that archives\ntheir recordings older than 90 days is the real one, vbcvault serve.\n\n")
	for _, a := range d.accounts {
		fmt.Fprintf(out, "  %s   %s\n", a.name, a.about)
	}
	fmt.Fprintf(out, `
Configuration  %s
Metrics        http://%s/metrics
Health         http://%s/readyz

Its schedule says 02:17; the demo asks for all three now, as vbcvault run NAME does.
It ends when they are done, at the latest after %s. Ctrl-C ends it earlier.

`, d.config, d.metrics, d.metrics, d.lasts)
}

// serve is vbcvault serve on the configuration, for a while.
func (d *demoService) serve(ctx context.Context, o *output) error {
	ctx, stop := context.WithTimeout(ctx, d.lasts)
	defer stop()
	watched := make(chan error, 1)
	go func() {
		err := d.watch(ctx)
		if ctx.Err() != nil {
			err = nil // the time is over, or somebody has stopped it
		}
		watched <- err
		stop()
	}()
	err := (&serveFlags{config: d.config}).run(ctx, o)
	stop()
	return errors.Join(err, <-watched)
}

// watch asks for all accounts, and returns when they are done and everybody is told.
func (d *demoService) watch(ctx context.Context) (err error) {
	control, err := d.control(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, control.Close()) }()
	var runs []string
	for _, a := range d.accounts {
		_, run, _, err := control.Start(ctx, a.name, service.Archive)
		if err != nil {
			return err
		}
		runs = append(runs, run)
	}
	for done := false; !done; {
		if err := wait(ctx, servicePoll); err != nil {
			return err
		}
		if done, err = allTold(ctx, control, runs); err != nil {
			return err
		}
	}
	return d.keepMetrics(ctx)
}

// control opens the service's state, once it serves.
func (d *demoService) control(ctx context.Context) (*service.Control, error) {
	for {
		if err := wait(ctx, servicePoll/5); err != nil {
			return nil, err
		}
		control, err := service.Open(ctx, d.state())
		if errors.Is(err, service.ErrNoService) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if there, err := control.Serving(ctx); there {
			return control, nil
		} else if err := errors.Join(err, control.Close()); err != nil {
			return nil, err
		}
	}
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

// allTold reports whether runs have ended and nobody waits to be told of one.
func allTold(ctx context.Context, c *service.Control, runs []string) (bool, error) {
	for _, run := range runs {
		if o, err := c.Ended(ctx, run); o == nil || err != nil {
			return false, err
		}
	}
	jobs, err := c.Jobs(ctx)
	for _, j := range jobs {
		if j.Kind == "tell" {
			return false, err
		}
	}
	return err == nil, err
}

// keepMetrics keeps what Prometheus would have read.
func (d *demoService) keepMetrics(ctx context.Context) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+d.metrics+"/metrics", nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return fmt.Errorf("read the metrics: %w", err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = errors.New(answer.Status)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(d.base, "metrics.txt"), text, 0o600)
	}
	if err != nil {
		return fmt.Errorf("read the metrics: %w", err)
	}
	return nil
}

// conclude tells what it came to.
func (d *demoService) conclude(ctx context.Context, o *output) error {
	fmt.Fprintf(o.out, "\nThe service has stopped. How the accounts stand, as vbcvault status --config prints it:\n\n")
	if err := statusOfAll(ctx, o.streams, d.config, nil, false); err != nil {
		return err
	}
	report := filepath.Join(d.base, time.Now().UTC().Format("report-20060102T150405.000Z")+".html")
	fmt.Fprintf(o.out, "\nThe ")
	today := time.Now().UTC().AddDate(0, 0, -1).Format(time.DateOnly)
	if err := (&reportFlags{config: d.config, out: report, since: today}).run(ctx, o.streams); err != nil {
		return err
	}
	me := me()
	fmt.Fprintf(o.out, "\nLook at\n  %s\n      the report: open it in a browser\n", report)
	if _, err := os.Stat(filepath.Join(d.base, "metrics.txt")); err == nil {
		fmt.Fprintf(o.out, "  %s\n      what the service told Prometheus at the end\n", filepath.Join(d.base, "metrics.txt"))
	}
	fmt.Fprintf(o.out, "  %s\n      the configuration file; the secrets are not in it\n", d.config)
	fmt.Fprintf(o.out, "  %s jobs --config %s\n      what the service did, and what is next\n", me, d.config)
	again := "To resume"
	if b, err := os.ReadFile(d.secret("cedar")); err == nil && strings.TrimSpace(string(b)) != demoPassword {
		fmt.Fprintf(o.out, "To correct the password of cedar, write \"%s\" into the file\n  %s\n", demoPassword, d.secret("cedar"))
		again = "Then start the demo again: it resumes, and tells that cedar is well again"
	}
	fmt.Fprintf(o.out, "%s:\n  %s demo --serve --dir %s\n", again, me, d.base)
	fmt.Fprintln(o.out, "For accounts of your own, see vbcvault help service and vbcvault help config.")
	return nil
}

// me is the name under which the program was started.
func me() string {
	if name := os.Args[0]; !strings.Contains(name, "go-build") {
		return name
	}
	return "go run ./cmd/vbcvault"
}

// demoHook is a webhook that prints what it is sent.
type demoHook struct{ out io.Writer }

func (h *demoHook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var sent struct {
		Data notify.Message `json:"data"`
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&sent); err != nil {
		http.Error(w, "no message", http.StatusBadRequest)
		return
	}
	text := sent.Data.Title + "\n" + strings.TrimSpace(sent.Data.Text())
	fmt.Fprintf(h.out, "\nA notification, by webhook:\n  | %s\n\n", strings.ReplaceAll(text, "\n", "\n  | "))
}
