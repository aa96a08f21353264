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
	return storage.Finding{Check: check, Level: storage.Failure, Means: err.Error(), Mend: cmp.Or(hintFor(err), "see what it says")}
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
			return found(check, nil, "VBC shows none of this account: "+err.Error())
		case e != nil && !e.Gateway && e.Status == http.StatusForbidden:
			return warning(check, "VBC refuses to show them, so there may be some, and no company recording would be deleted: "+err.Error(),
				"give the user of VBC_USERNAME the right to see transcripts; --no-transcripts leaves them out")
		}
		return warning(check, "they can't be listed, so no company recording would be deleted: "+err.Error(), "look again later; --no-transcripts leaves transcripts out")
	}
	return found(check, nil, "VBC lists none so far")
}

func diagnoseProvisioning(ctx context.Context, client *vbc.Client, account string) storage.Finding {
	const check = "provisioning API"
	slot, err := client.Slot(ctx, vbc.RankList)
	if err == nil {
		var number string
		if number, err = slot.AccountNumber(ctx, account); err == nil {
			return found(check, nil, "subscribed; this is account "+number)
		}
	}
	mend := "subscribe your application to the Provisioning API"
	if e := vbc.AsError(err); e != nil {
		mend = cmp.Or(e.Advice(), mend)
	}
	return warning(check, err.Error()+". It is needed for --users all, and where recordings don't carry the account's number",
		mend+"; or name --account and --users by number")
}

func diagnoseQuota(client *vbc.Client, known time.Duration) storage.Finding {
	const check = "quota"
	switch q := client.Quota(); {
	case q.Throttled > 0:
		return warning(check, "used up until "+q.ClosedUntil.UTC().Format(time.RFC3339), "something else uses this application; give vbcvault one of its own")
	case known > 0:
		return found(check, nil, "earlier runs have learned "+pace(known))
	}
	return found(check, nil, "VBC doesn't show it before it is used up; by default it is "+pace(pipeline.DefaultInterval)+". The developer portal has the tier")
}

func diagnoseClock(off time.Duration) storage.Finding {
	const check = "clock"
	if off.Abs() <= pipeline.MaxClockOffset {
		return found(check, nil, fmt.Sprintf("within %v of VBC's", off.Abs().Round(time.Second)+time.Second))
	}
	return storage.Finding{Check: check, Level: storage.Failure, Mend: "set this machine's clock",
		Means: fmt.Sprintf("%v away from VBC's: ages reckoned from it would be wrong, and every run is refused", off.Abs())}
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
			f.Level, f.Means, f.Mend = storage.Failure, fmt.Sprintf("%s names %s, which has no certificates that can be read", name, file), "name a file with certificates in PEM, readable for this user"
		}
		out = append(out, f)
	}
	return out
}

// diagnoseDestination has the destination look at itself.
func diagnoseDestination(ctx context.Context, to destination, insecureHTTP bool) []storage.Finding {
	store, err := to.open(ctx, 1, insecureHTTP, slog.New(slog.DiscardHandler))
	if err != nil {
		return []storage.Finding{{Check: "destination", Level: storage.Failure, Means: err.Error(), Mend: "check --to, and the address of the S3 server"}}
	}
	var out []storage.Finding
	if d, ok := store.(storage.Diagnoser); ok {
		out = d.Diagnose(ctx)
		for i, f := range out {
			if f.Check == s3store.LifecycleRules && f.Level == storage.Failure {
				out[i].Mend += "; archive --allow-expiring deletes at VBC although copies expire"
			}
		}
	}
	if store.Memory() == storage.ForeignMemory {
		out = append(out, found("reading back", nil, "this is not Amazon's S3: a copy that an earlier run has archived is read once more, in full, before its recording is deleted at VBC. "+
			"That costs no request at VBC, but a GET of each object and its traffic, and doesn't work with cold storage classes; archive --read-back never leaves it out"))
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
		return found(check, nil, "no network or FUSE file system is seen at "+to.dir)
	}
	return warning(check, fmt.Sprintf("%s is on a network or FUSE file system (%s): it may say that bytes are on disk while they are in a cache of this machine, so archive --delete is refused", to.dir, kind),
		"archive to a disk of this machine, or to s3://; where fsync means that the bytes are safe, archive takes --trust-mount")
}

// diagnoseManifest looks where the manifest lies, or would lie, and at what it
// is about.
func diagnoseManifest(ctx context.Context, path string, to destination) ([]storage.Finding, manifest.Learned) {
	const check = "manifest"
	var f storage.Finding
	var habits []storage.Finding
	var known manifest.Learned
	m, err := manifest.OpenReadOnly(ctx, path)
	switch {
	case manifest.Missing(err):
		f = found(check, nil, path+" is made by the first run")
	case errors.Is(err, manifest.ErrOlder):
		f = warning(check, err.Error(), "it keeps a copy; nothing has to be done")
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
			if store, e := to.open(ctx, 1, true, slog.New(slog.DiscardHandler)); e == nil { // it sends nothing
				err = sameBucket(ctx, m, store)
			}
		}
		f = found(check, err, fmt.Sprintf("%s, account %s", path, orNone(b.Account)))
	}
	if err := manifest.Place(path); err != nil {
		f = found(check, err, "") // whatever it holds, no run opens it
	}
	dir := filepath.Dir(path)
	for {
		if _, err := os.Stat(dir); err == nil || filepath.Dir(dir) == dir {
			break
		}
		dir = filepath.Dir(dir) // it will be made there
	}
	return append([]storage.Finding{f, diagnoseDisk("room for the manifest", dir)}, habits...), known
}

// enoughRoom is what a disk should have free, for a manifest that grows and for
// one export of the default size.
const enoughRoom = pipeline.DefaultExportLimit + pipeline.DefaultExportLimit/2

func diagnoseDisk(check, dir string) storage.Finding {
	free, err := spool.FreeBytes(dir)
	f := found(check, err, fmt.Sprintf("%s has %s free", dir, humanize.IBytes(free)))
	if err == nil && free < enoughRoom {
		return warning(check, f.Means+", less than an export and a growing manifest may want",
			"make room; --spool-dir puts exports elsewhere, and --export-limit makes them smaller")
	}
	return f
}
