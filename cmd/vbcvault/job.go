package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/service"
	"github.com/vbcvault/vbcvault/pipeline"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/place"
	"github.com/vbcvault/vbcvault/pipeline/progress"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/dirstore"
	"github.com/vbcvault/vbcvault/storage/s3store"
	"github.com/vbcvault/vbcvault/vbc"
)

// job is one run with everything decided.
type job struct {
	around        surroundings
	options       pipeline.Options
	vbc           vbc.Options
	destination   destination
	manifest      string // path
	dryRun        bool
	skipIfRunning bool
	skipped       bool   // by run: another one had the manifest
	planFile      string // to write; "" = none
	trustMount    bool   // delete although the destination is a network or FUSE mount
	insecureHTTP  bool
	simulated     bool // the account is, and has no other manifests
}

// siblings is pipeline.Parts.Siblings.
func (j *job) siblings() func(context.Context, string) ([]manifest.HoldText, []error, error) {
	if j.simulated {
		return nil
	}
	return j.around.siblingsOf(j.manifest)
}

// pauses before a request is tried again, and before an export job is looked at,
// are the pipeline's own, and those of vbcvault serve the service's; tests shorten them.
var pauses struct {
	tries   []time.Duration
	poll    time.Duration
	service service.Pauses
	lease   time.Duration // of a manifest in a database; 0 = manifest.LeaseFor
}

// run archives. The lock comes first: whoever doesn't get it has asked VBC for
// nothing.
func (j *job) run(ctx context.Context, o *output) (any, error) {
	client, err := j.client(o)
	if err != nil {
		return nil, err
	}
	opening, err := j.around.opening()
	if err != nil {
		return nil, err
	}
	defer client.Close()
	m, err := place.Open(ctx, j.manifest, opening)
	if errors.Is(err, manifest.ErrLocked) {
		return j.yield(ctx, o, err)
	}
	if err != nil {
		return pipeline.Summary{}, unwritable(err)
	}
	defer m.Close()
	store, err := j.destination.openAs(ctx, j.around, j.options.Workers, j.insecureHTTP, o.log)
	if err != nil {
		return pipeline.Summary{}, err
	}
	if c, ok := store.(io.Closer); ok {
		defer c.Close()
	}
	if !j.options.Moved {
		if err := sameBucket(ctx, m, store); err != nil {
			return pipeline.Summary{}, err
		}
	}
	if on, ok := store.(storage.Mounted); ok {
		if err := j.trust(on); err != nil {
			return pipeline.Summary{}, err
		}
	}
	o.announce(j)
	stats := &progress.Stats{}
	if o.watch != nil {
		o.watch(stats)
	}
	stopProgress := o.progress(stats, client)
	sum, err := pipeline.Run(ctx, pipeline.Parts{VBC: client, Store: store, Manifest: m, Log: o.log, Stats: stats, Siblings: j.siblings()}, j.options)
	stopProgress()
	o.summary(j, sum)
	if err == nil && !sum.Complete() {
		err = &exitError{code: exitIncomplete, err: incomplete(sum)}
	}
	return sum, err
}

// incomplete says what a run hasn't done.
func incomplete(s pipeline.Summary) error {
	if s.Failed+s.Resting > 0 {
		return errors.New("some recordings failed and stay at VBC; vbcvault status lists them")
	}
	return errors.New("no recording failed, but something could not be listed, stored or believed; see the warnings above and vbcvault status")
}

// plan is a dry run.
func (j *job) plan(ctx context.Context, o *output) (any, error) {
	client, err := j.client(o)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	if j.destination.dir != "" {
		if _, err := os.Stat(j.destination.dir); err != nil {
			return nil, &refusedDirectory{dir: j.destination.dir, err: err}
		}
	}
	m, err := place.OpenReadOnly(ctx, j.manifest, j.around.unsigned())
	switch {
	case place.Missing(err):
		m = nil
	case err != nil:
		return nil, err
	default:
		defer m.Close()
	}
	o.announce(j)
	if m != nil {
		known, err := m.Learned(ctx)
		if err != nil {
			return nil, err
		}
		client.Expect(known.Pace)
	}
	stats := &progress.Stats{}
	parts := pipeline.Parts{VBC: client, Log: o.log, Stats: stats, Siblings: j.siblings()}
	if m != nil { // else there is none, which isn't a nil one
		parts.Manifest = m
	}
	stopProgress := o.progress(stats, client)
	plan, err := j.writePlan(func(file io.Writer) (pipeline.Plan, error) {
		return pipeline.DryRun(ctx, parts, j.options, file, j.destination.String())
	})
	stopProgress()
	if err != nil {
		return plan, err
	}
	o.plan(j, plan, client)
	if len(plan.Problems) > 0 || plan.Troubles > 0 {
		err = &exitError{code: exitIncomplete, err: errors.New("VBC could not be listed completely")}
	}
	return plan, err
}

func (j *job) client(o *output) (*vbc.Client, error) {
	j.vbc.Logger = o.log
	j.options.Pauses, j.options.PollPause = pauses.tries, pauses.poll
	return j.around.newClient(j.vbc, j.manifest)
}

// writePlan lets do write to the plan's file, a new one. Where that is cut off,
// it has no last line, and nobody takes it for a plan.
func (j *job) writePlan(do func(io.Writer) (pipeline.Plan, error)) (pipeline.Plan, error) {
	if j.planFile == "" {
		return do(nil)
	}
	file, err := os.OpenFile(j.planFile, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return pipeline.Plan{}, usagef("use a new file in a writable directory", "--plan: %v", err)
	}
	w := bufio.NewWriter(file)
	plan, err := do(w)
	if err == nil {
		if err = errors.Join(w.Flush(), file.Sync()); err != nil {
			err = fmt.Errorf("write the plan: %w", err)
		}
	}
	if err = errors.Join(err, file.Close()); err != nil {
		err = errors.Join(err, os.Remove(j.planFile))
	}
	return plan, err
}

// open opens a destination as the environment says.
func (d destination) open(ctx context.Context, workers int, insecureHTTP bool, log *slog.Logger) (storage.Destination, error) {
	return d.openAs(ctx, environment(), workers, insecureHTTP, log)
}

// openAs opens a destination. It sends nothing.
func (d destination) openAs(ctx context.Context, around surroundings, workers int, insecureHTTP bool, log *slog.Logger) (storage.Destination, error) {
	if d.dir != "" {
		s, err := dirstore.Open(d.dir)
		if err != nil {
			return nil, err
		}
		return s, nil
	}
	if around.parts == nil {
		boundMemory(s3store.Buffers(workers), 1)
	}
	var access *s3store.Access
	if around.aws != nil {
		var err error
		if access, err = around.aws(ctx); err != nil {
			return nil, err
		}
	}
	s, err := s3store.Open(ctx, s3store.Options{
		Bucket: d.bucket, Prefix: d.prefix, Connections: workers, AskConditions: true, InsecureHTTP: insecureHTTP, Logger: log,
		Protection: d.protection, Access: access, Parts: around.parts,
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// boundMemory has the collector keep to what the buffers of large recordings
// leave, and run rarely where there are none. Whoever sets GOGC or GOMEMLIMIT
// knows better.
func boundMemory(buffers, accounts int) {
	const first, each = 24 << 20, 1 << 18 // bytes: what one account needs, and each further one
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetGCPercent(400)
		debug.SetMemoryLimit(first + int64(accounts-1)*each + int64(buffers)*s3store.PartSize)
	}
}

// refusedDirectory says that a file:// destination isn't there.
type refusedDirectory struct {
	dir string
	err error
}

func (e *refusedDirectory) Error() string {
	return fmt.Sprintf("the destination %s does not exist; check that the disk is mounted. vbcvault doesn't create the directory", e.dir)
}
func (e *refusedDirectory) Unwrap() error { return e.err }
