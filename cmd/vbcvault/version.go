package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// What a release build says of itself, by -ldflags -X: its version (as in v1.2.3), its
// commit, and when that was made (RFC 3339, UTC). A release has no other time: two builds
// of one commit are the same.
var version, commit, date = "", "", ""

// build is which build of the program this is.
type build struct {
	Version string `json:"version"`
	// Commit is where it was built from, "" = unknown; Changed says that there were
	// changes besides, in no commit.
	Commit  string `json:"commit,omitempty"`
	Time    string `json:"commit_time,omitempty"` // RFC 3339, UTC
	Changed bool   `json:"changed,omitempty"`
	Go      string `json:"go"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
}

// thisBuild is what the release build has set; else what the go command has noted when
// it built the program.
func thisBuild() build {
	b := build{Version: version, Commit: commit, Time: date, Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	if b.Version == "" && info.Main.Version != "(devel)" {
		b.Version = info.Main.Version
	}
	if b.Version == "" {
		b.Version = "devel"
	}
	if b.Commit != "" {
		return b
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.time":
			b.Time = s.Value
		case "vcs.modified":
			b.Changed = s.Value == "true"
		}
	}
	return b
}

func programVersion() string { return thisBuild().Version }

func newVersion(s streams) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version, and the formats of files it knows",
		Long: `Version prints which build of vbcvault this is, and which formats of its files
it reads and writes. A file of an older format is copied and upgraded when it is
needed; a file of a newer format is refused, with the version that is needed.
See vbcvault help formats.`,
		Example: "  vbcvault version\n  vbcvault version --json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			b := thisBuild()
			if asJSON {
				e := json.NewEncoder(s.out)
				e.SetIndent("", "  ")
				return e.Encode(struct {
					build
					Formats []format `json:"formats"`
				}{b, formats})
			}
			return b.print(s)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

func (b build) print(s streams) error {
	_, err := fmt.Fprintf(s.out, "vbcvault %s (%s, %s/%s)\n", b.Version, b.Go, b.OS, b.Arch)
	if err == nil && b.Commit != "" {
		also := ""
		if b.Changed {
			also = ", with changes that are in no commit"
		}
		_, err = fmt.Fprintf(s.out, "commit %s of %s%s\n", b.Commit, b.Time, also)
	}
	if err == nil {
		_, err = fmt.Fprintln(s.out, "\nformats of files:")
	}
	for _, f := range formats {
		if err == nil {
			_, err = fmt.Fprintf(s.out, "  %-14s %s\n", f.Name, f.said())
		}
	}
	return err
}
