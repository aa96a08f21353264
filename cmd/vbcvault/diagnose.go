package main

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/vbcvault/vbcvault/pipeline"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/place"
	"github.com/vbcvault/vbcvault/pipeline/spool"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/s3store"
	"github.com/vbcvault/vbcvault/vbc"
)

// found is what a check has found: an error with its hint, or that all is well.
func found(check string, err error, well string) storage.Finding {
	if err == nil {
		return storage.Finding{Check: check, Level: storage.OK, Means: well}
	}
	return storage.Finding{Check: check, Level: storage.Failure, Means: err.Error(), Mend: cmp.Or(hintFor(err), "see the message")}
}

func warning(check, means, mend string) storage.Finding {
	return storage.Finding{Check: check, Level: storage.Warning, Means: means, Mend: mend}
}

func diagnoseTranscripts(ctx context.Context, client *vbc.Client, account string) storage.Finding {
	const check = "transcripts"
	for _, err := range client.Transcripts(account, time.Time{}, time.Time{}, 10).Pages(ctx, once(client)) {
		switch e := vbc.AsError(err); {
		case err == nil:
			return found(check, nil, "VBC lists them; they are archived beside their recordings")
		case e != nil && !e.Gateway && e.Status == http.StatusNotFound:
			return found(check, nil, "VBC lists none for this account: "+err.Error())
		case e != nil && !e.Gateway && e.Status == http.StatusForbidden:
			return warning(check, "VBC refuses to list them, so there may be some, and no company recording would be deleted: "+err.Error(),
				"give the user of VBC_USERNAME the permission to see transcripts; --no-transcripts skips them")
		}
		return warning(check, "they can't be listed, so no company recording would be deleted: "+err.Error(), "try again later; --no-transcripts skips transcripts")
	}
	return found(check, nil, "VBC lists none so far")
}

// diagnoseProvisioning also is the account's number, "" if the API doesn't say it.
func diagnoseProvisioning(ctx context.Context, client *vbc.Client, account string) (f storage.Finding, number string) {
	const check = "provisioning API"
	slot, err := client.Slot(ctx, vbc.RankList)
	if err == nil {
		if number, err = slot.AccountNumber(ctx, account); err == nil {
			return found(check, nil, "subscribed; this is account "+number), number
		}
	}
	mend := "subscribe your application to the Provisioning API"
	if e := vbc.AsError(err); e != nil {
		mend = cmp.Or(e.Advice(), mend)
	}
	return warning(check, err.Error()+". It is needed for --users all, and if recordings don't contain the account number",
		mend+"; or give --account and --users by number"), ""
}

func diagnoseQuota(client *vbc.Client, known time.Duration) storage.Finding {
	const check = "quota"
	switch q := client.Quota(); {
	case q.Throttled > 0:
		return warning(check, "used up until "+q.ClosedUntil.UTC().Format(time.RFC3339), "another program uses this application; give vbcvault its own application")
	case known > 0:
		return found(check, nil, "earlier runs measured "+pace(known))
	}
	return found(check, nil, "VBC shows it only when it is used up; the default is "+pace(pipeline.DefaultInterval)+". The developer portal shows your tier")
}

func diagnoseClock(off time.Duration) storage.Finding {
	const check = "clock"
	if off.Abs() <= pipeline.MaxClockOffset {
		return found(check, nil, fmt.Sprintf("within %v of VBC's", off.Abs().Round(time.Second)+time.Second))
	}
	return storage.Finding{Check: check, Level: storage.Failure, Mend: "set this machine's clock",
		Means: fmt.Sprintf("%v away from VBC's clock: the age of recordings would be wrong, so every run is refused", off.Abs())}
}

// diagnoseNetwork looks at what stands between us and VBC. A proxy's address
// may hold a password.
func diagnoseNetwork(api string) []storage.Finding {
	proxy := found("proxy", nil, "none")
	if req, err := http.NewRequest(http.MethodGet, api, nil); err == nil {
		switch p, err := http.ProxyFromEnvironment(req); {
		case err != nil:
			proxy = storage.Finding{Check: "proxy", Level: storage.Failure, Means: "HTTPS_PROXY is not an address", Mend: "write it as in http://proxy.example.com:3128"}
		case p != nil:
			proxy.Means = "requests to " + req.URL.Host + " go through " + p.Redacted()
		}
	}
	out := []storage.Finding{proxy}
	for _, name := range []string{"SSL_CERT_FILE", "AWS_CA_BUNDLE"} {
		file := os.Getenv(name)
		if file == "" {
			continue
		}
		f := found("certificates", nil, name+" names a file with certificates")
		if b, err := os.ReadFile(file); err != nil || !x509.NewCertPool().AppendCertsFromPEM(b) {
			f.Level, f.Means, f.Mend = storage.Failure, fmt.Sprintf("%s names %s, which contains no readable certificates", name, file), "use a file with certificates in PEM that this user can read"
		}
		out = append(out, f)
	}
	return out
}

// diagnoseDestination has the destination look at itself.
func (d *doctor) diagnoseDestination(ctx context.Context, to destination) []storage.Finding {
	store, err := to.openAs(ctx, d.around, 1, d.insecureHTTP, slog.New(slog.DiscardHandler))
	if err != nil {
		return []storage.Finding{{Check: "destination", Level: storage.Failure, Means: err.Error(), Mend: "check --to, and the address of the S3 server"}}
	}
	var out []storage.Finding
	if s, ok := store.(storage.Diagnoser); ok {
		out = s.Diagnose(ctx)
		for i, f := range out {
			if f.Check == s3store.LifecycleRules && f.Level == storage.Failure {
				out[i].Mend += "; archive --allow-expiring deletes at VBC although copies expire"
			}
		}
	}
	if store.Memory() == storage.ForeignMemory {
		out = append(out, found("reading back", nil, "this is not Amazon's S3: a copy of an earlier run is read again, in full, before its recording is deleted at VBC. "+
			"This costs no request at VBC, but a GET of each object and its traffic, and doesn't work with cold storage; archive --read-back never skips it"))
	}
	if c, ok := store.(io.Closer); ok {
		_ = c.Close() // nothing was written
	}
	if to.dir != "" {
		out = append(out, diagnoseMount(to), diagnoseDisk("room in the destination", to.dir))
	}
	return out
}

// diagnoseMount looks whether what the destination calls written is on a disk.
func diagnoseMount(to destination) storage.Finding {
	const check = "file system"
	kind, err := to.Mount()
	switch {
	case err != nil:
		return found(check, err, "")
	case kind == "":
		return found(check, nil, "no network or FUSE file system at "+to.dir)
	}
	return warning(check, fmt.Sprintf("%s is on a network or FUSE file system (%s): it may report data as saved while it is only in a cache of this machine, so archive --delete is refused", to.dir, kind),
		"archive to a disk of this machine, or to s3://; if fsync is reliable on this mount, use archive --trust-mount")
}

// diagnoseManifest looks where the manifest lies, or would lie, and at what it
// is about.
func (d *doctor) diagnoseManifest(ctx context.Context, path string, to destination) ([]storage.Finding, manifest.Learned) {
	const check = "manifest"
	var f storage.Finding
	var habits []storage.Finding
	var known manifest.Learned
	opening, err := d.around.opening()
	if err != nil {
		return []storage.Finding{found("signing key", err, "")}, known
	}
	var m manifest.Opened
	if err = place.Fit(path); err == nil {
		m, err = place.OpenReadOnly(ctx, path, opening)
	}
	switch {
	case place.Missing(err):
		f = found(check, nil, path+" is created by the first run")
	case errors.Is(err, manifest.ErrOlder):
		f = warning(check, err.Error(), "nothing to do: the upgrade keeps a copy")
	case err != nil:
		f = found(check, err, "")
	default:
		defer m.Close()
		var b manifest.Binding
		if b, err = m.Binding(ctx); err == nil {
			known, err = m.Learned(ctx)
		}
		if err == nil {
			habits, err = diagnoseHabits(ctx, m)
		}
		if err == nil && b.Destination != "" && b.Destination != to.String() {
			err = &manifest.BoundError{What: "destination", Bound: b.Destination, Wanted: to.String()}
		}
		if err == nil && to.dir == "" {
			if store, e := to.openAs(ctx, d.around, 1, true, slog.New(slog.DiscardHandler)); e == nil { // it sends nothing
				err = sameBucket(ctx, m, store)
			}
		}
		f = found(check, err, fmt.Sprintf("%s, account %s", path, orNone(b.Account)))
		habits = append(habits, diagnoseKey(m))
	}
	near, err := d.around.near(path)
	if err != nil {
		return append([]storage.Finding{f, found("state directory", err, "")}, habits...), known
	}
	dir := filepath.Dir(near)
	for {
		if _, err := os.Stat(dir); err == nil || filepath.Dir(dir) == dir {
			break
		}
		dir = filepath.Dir(dir) // it will be made there
	}
	room := "room for the manifest"
	if place.InDatabase(path) {
		room = "room for exports"
	}
	return append([]storage.Finding{f, diagnoseDisk(room, dir)}, habits...), known
}

// enoughRoom is what a disk should have free, for a manifest that grows and for
// one export of the default size.
const enoughRoom = pipeline.DefaultExportLimit + pipeline.DefaultExportLimit/2

func diagnoseDisk(check, dir string) storage.Finding {
	free, err := spool.FreeBytes(dir)
	f := found(check, err, fmt.Sprintf("%s has %s free", dir, humanize.IBytes(free)))
	if err == nil && free < enoughRoom {
		return warning(check, f.Means+", less than an export and a growing manifest may need",
			"free some space; --spool-dir puts exports elsewhere, and --export-limit makes them smaller")
	}
	return f
}
