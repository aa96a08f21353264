package main

import (
	"cmp"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/vbcvault/vbcvault/pipeline"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// doctor is what vbcvault doctor looks at.
type doctor struct {
	to, account, manifest string
	insecureHTTP, json    bool
}

func newDoctor(s streams) *cobra.Command {
	var d doctor
	cmd := &cobra.Command{
		Use:   "doctor --to DESTINATION",
		Short: "Look whether everything is set up for a run, and change nothing",
		Long: `Doctor looks at everything that a run relies on: credentials, subscriptions,
clock, proxy and certificates; whether the destination can be listed and written
and checks what it is sent; its versioning, public access, lifecycle rules and
Object Lock; where the manifest lies, and the room on the disks.

For each it says ok, warning or failure, what that means and how to mend it. It
sends VBC three requests. It changes nothing; only an S3 server that doesn't
check what it is sent keeps one small object, as in a run. The exit code is 1 if
something has failed, else 0.`,
		Example: `  vbcvault doctor --to s3://my-bucket/recordings
  vbcvault doctor --to file:///mnt/archive --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			findings, err := d.examine(cmd.Context())
			if err != nil {
				return err
			}
			worst := pipeline.Worst(findings)
			if d.json {
				err = json.NewEncoder(s.out).Encode(map[string]any{"worst": worst, "findings": findings})
			} else {
				err = printFindings(s.out, findings)
			}
			if err == nil && worst == storage.Failure {
				err = &exitError{code: exitIncomplete, err: errors.New("a run would not work, or not be safe; see above")}
			}
			return err
		},
	}
	cmd.Flags().StringVar(&d.to, "to", "", "`DESTINATION`: s3://BUCKET[/PREFIX], or file:///DIR")
	cmd.Flags().StringVar(&d.account, "account", "self", "the account: its `NUMBER`, or self, the credentials' own")
	cmd.Flags().StringVar(&d.manifest, "manifest", "", "`FILE` that keeps the progress (default: as for archive)")
	cmd.Flags().BoolVar(&d.insecureHTTP, "insecure-http", false, "allow plain http to VBC's or the S3 server's address")
	cmd.Flags().BoolVar(&d.json, "json", false, "print one JSON object")
	return cmd
}

// examine looks at everything. Its errors are mistakes in the command line.
func (d *doctor) examine(ctx context.Context) ([]storage.Finding, error) {
	to, err := parseDestination(d.to)
	if err != nil {
		return nil, err
	}
	if err := parseAccount(d.account); err != nil {
		return nil, err
	}
	options, err := vbcOptions()
	if err != nil {
		return nil, err
	}
	options.InsecureHTTP = d.insecureHTTP
	client, err := vbc.New(options)
	if err != nil {
		return nil, usagef("check VBC_API_URL and VBC_API_ROOT", "%v", err)
	}
	path := d.manifest
	if path == "" {
		dir, err := stateDir()
		if err != nil {
			return nil, err
		}
		path = manifestPath(dir, d.account, options.Username, options.URL, to)
	}
	ours, known := diagnoseManifest(ctx, path, to)
	out := diagnoseNetwork(cmp.Or(options.URL, "https://api.vonage.com"))
	out = append(out, pipeline.Diagnose(ctx, client, d.account, known.Pace)...)
	out = append(out, diagnoseDestination(ctx, to, d.insecureHTTP)...)
	return append(out, ours...), context.Cause(ctx)
}

// diagnoseNetwork looks at what stands between us and VBC. A proxy's address
// may hold a password.
func diagnoseNetwork(api string) []storage.Finding {
	proxy := storage.Finding{Check: "proxy", Level: storage.OK, Means: "none"}
	req, err := http.NewRequest(http.MethodGet, api, nil)
	if err == nil {
		p, e := http.ProxyFromEnvironment(req)
		switch {
		case e != nil:
			proxy.Level, proxy.Means, proxy.Mend = storage.Failure, "HTTPS_PROXY is not an address", "write it as in http://proxy.example.com:3128"
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
		f := storage.Finding{Check: "certificates", Level: storage.OK, Means: name + " names a file with certificates"}
		b, err := os.ReadFile(file)
		if err != nil || !x509.NewCertPool().AppendCertsFromPEM(b) {
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
	}
	if c, ok := store.(io.Closer); ok {
		_ = c.Close() // nothing was written
	}
	if to.dir != "" {
		out = append(out, pipeline.DiagnoseDisk("room in the destination", to.dir))
	}
	return out
}

// diagnoseManifest looks where the manifest lies, or would lie, and at what it
// is about.
func diagnoseManifest(ctx context.Context, path string, to destination) ([]storage.Finding, manifest.Learned) {
	f := storage.Finding{Check: "manifest", Level: storage.OK}
	var known manifest.Learned
	m, err := manifest.OpenReadOnly(ctx, path)
	switch {
	case manifest.Missing(err):
		f.Means = path + " is made by the first run"
		if err := manifest.Place(path); err != nil {
			f.Level, f.Means, f.Mend = storage.Failure, err.Error(), "keep it on a disk of this machine: --manifest FILE, or VBCVAULT_STATE_DIR"
		}
	case err != nil:
		f.Level, f.Means, f.Mend = storage.Failure, err.Error(), "see vbcvault manifest check, and restore a backup if need be"
		if strings.Contains(err.Error(), "older format") {
			f.Level, f.Mend = storage.Warning, "the next run of vbcvault archive does that, and keeps a copy"
		}
	default:
		defer m.Close()
		b, err := m.Binding(ctx)
		if err == nil {
			known, err = m.Learned(ctx)
		}
		f.Means = fmt.Sprintf("%s, account %s", path, orNone(b.Account))
		switch {
		case err != nil:
			f.Level, f.Means, f.Mend = storage.Failure, err.Error(), "see vbcvault manifest check"
		case b.Destination != "" && b.Destination != to.String():
			f.Level, f.Means, f.Mend = storage.Failure, fmt.Sprintf("%s belongs to %s", path, b.Destination), "use another file with --manifest, or that destination"
		}
	}
	dir := filepath.Dir(path)
	for {
		if _, err := os.Stat(dir); err == nil || filepath.Dir(dir) == dir {
			break
		}
		dir = filepath.Dir(dir) // it will be made there
	}
	return []storage.Finding{f, pipeline.DiagnoseDisk("room for the manifest", dir)}, known
}

func printFindings(out io.Writer, findings []storage.Finding) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, f := range findings {
		fmt.Fprintf(w, "%s\t%s\t%s\n", f.Level, f.Check, f.Means)
		if f.Mend != "" {
			fmt.Fprintf(w, "\t\t→ %s\n", f.Mend)
		}
	}
	return w.Flush()
}
