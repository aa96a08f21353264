package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
)

func newConfigInit(s streams) *cobra.Command {
	var f archiveFlags
	var out, name string
	cmd := &cobra.Command{
		Use:   "init [FLAGS OF ARCHIVE] [--out FILE]",
		Short: "Make a configuration file out of today's environment and flags",
		Long: `Init prints a configuration file, with comments, for the run that vbcvault
archive would do with the same flags in the same environment: to the same
destination, with the same manifest. It takes the flags of archive, as they are
in a crontab. Secrets don't get into the file; it says in which variable or file
they are today.

With --out it writes a new file, which its owner alone can read and change. It
never overwrites one.`,
		Example: `  vbcvault config init --older-than 90d --to s3://my-bucket/recordings --delete --out vbcvault.yaml`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			text, leftOut, err := initial(cmd.Context(), &f, cmd.Flags(), name, out)
			if err != nil {
				return err
			}
			for _, flag := range leftOut {
				fmt.Fprintf(s.err, "left out: --%s: %s\n", flag, config.Refused(flag))
			}
			if out == "" {
				_, err = io.WriteString(s.out, text)
				return err
			}
			if err := newFile(out, func(w io.Writer) error { _, err := io.WriteString(w, text); return err }); err != nil {
				return err
			}
			_, err = fmt.Fprintf(s.out, "%s is written. Check it: vbcvault config check %s --online\n", out, out)
			return err
		},
	}
	f.register(cmd.Flags())
	cmd.Flags().StringVar(&out, "out", "", "write this new `FILE` instead of printing it")
	cmd.Flags().StringVar(&name, "name", "main", "`NAME` of the account in the file")
	return cmd
}

// initial is the text of the file, and which flags have no place in it. That it leads to
// the same manifest is tried before anybody gets it.
func initial(ctx context.Context, f *archiveFlags, given *pflag.FlagSet, name, out string) (text string, leftOut []string, err error) {
	now := time.Now()
	today, err := f.job(now, given.Changed, environment())
	if err != nil {
		return "", nil, err
	}
	w := &configText{}
	w.head()
	dir, err := stateDir()
	if err == nil {
		err = w.state(dir)
	}
	if f.manifest != "" {
		err = nil // without one of its own, a manifest needs no directory
	}
	if err != nil {
		return "", nil, err
	}
	w.line("accounts:")
	w.line("  %s:", name)
	given.Visit(func(flag *pflag.Flag) {
		switch {
		case flag.Name == "out" || flag.Name == "name" || flag.Name == "help":
		case config.Refused(flag.Name) != "":
			leftOut = append(leftOut, flag.Name)
		default:
			err = firstOf(err, w.flag(flag))
		}
	})
	if err = firstOf(err, w.vbc()); err != nil {
		return "", nil, err
	}
	if today.destination.dir == "" {
		w.s3()
	}
	w.tail()
	text = w.String()
	c, err := config.Parse(out, []byte(text), configFlags)
	if err != nil {
		return "", nil, usagef("choose another --name, or report this if that is not it", "the file that was made can't be used: %w", err)
	}
	j, err := accountsOf(c)[0].job(ctx, now)
	if err != nil {
		return "", nil, err
	}
	if absolute(j.manifest) != absolute(today.manifest) {
		return "", nil, fmt.Errorf("the file that was made leads to the manifest %s, and the flags to %s", j.manifest, today.manifest)
	}
	return text, leftOut, nil
}

func absolute(path string) string {
	if whole, err := filepath.Abs(path); err == nil {
		return whole
	}
	return path
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// configText is the text of a file that is being made.
type configText struct{ strings.Builder }

func (w *configText) line(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }

// scalar is a text as YAML has it, in one line.
func scalar(s string) string {
	n := yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
	if b, err := yaml.Marshal(&n); err == nil && strings.Count(string(b), "\n") == 1 {
		return strings.TrimSuffix(string(b), "\n")
	}
	n.Style = yaml.DoubleQuotedStyle
	b, err := yaml.Marshal(&n)
	if err != nil {
		return fmt.Sprintf("%q", s)
	}
	return strings.ReplaceAll(strings.TrimSuffix(string(b), "\n"), "\n", " ")
}

func (w *configText) head() {
	w.line("# Configuration of vbcvault. Each key: vbcvault help config. After a change:")
	w.line("# vbcvault config check FILE")
	w.line("#")
	w.line("# For editors, after vbcvault config schema > vbcvault.schema.json:")
	w.line("# yaml-language-server: $schema=vbcvault.schema.json")
	w.line("")
}

func (w *configText) state(dir string) error {
	whole, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	w.line("# Where the manifests lie, which keep the progress.")
	w.line("state-dir: %s", scalar(whole))
	w.line("")
	w.line("# What holds for several accounts may stand here once.")
	w.line("# defaults:")
	w.line("#   older-than: 90d")
	w.line("")
	return nil
}

// flag writes a flag as a key.
func (w *configText) flag(f *pflag.Flag) error {
	what, usage := pflag.UnquoteUsage(f)
	value := f.Value.String()
	switch list, ok := f.Value.(pflag.SliceValue); {
	case ok:
		var texts []string
		for _, e := range list.GetSlice() {
			texts = append(texts, scalarInList(e))
		}
		value = "[" + strings.Join(texts, ", ") + "]"
	case f.Value.Type() == "bool" || f.Value.Type() == "int":
	case what == "FILE" || what == "DIR":
		whole, err := filepath.Abs(value)
		if err != nil {
			return err
		}
		value = scalar(whole)
	default:
		value = scalar(value)
	}
	w.line("    # %s", usage)
	w.line("    %s: %s", f.Name, value)
	return nil
}

// scalarInList is scalar between brackets and commas.
func scalarInList(s string) string {
	n := yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s, Style: yaml.DoubleQuotedStyle}
	b, err := yaml.Marshal(&n)
	if err != nil {
		return fmt.Sprintf("%q", s)
	}
	return strings.ReplaceAll(strings.TrimSuffix(string(b), "\n"), "\n", " ")
}

// vbc writes how to reach VBC: what is no secret as it is, and where secrets are.
func (w *configText) vbc() error {
	w.line("    vbc:")
	for _, v := range []struct{ key, variable, about string }{
		{"username", "VBC_USERNAME", "the VBC integration user"},
		{"password", "VBC_PASSWORD", ""},
		{"client-id", "VBC_CLIENT_ID", "the application of the developer portal"},
		{"client-secret", "VBC_CLIENT_SECRET", ""},
		{"api-url", "VBC_API_URL", ""},
		{"api-root", "VBC_API_ROOT", ""},
		{"token-url", "VBC_TOKEN_URL", ""},
		{"provisioning-client-id", "VBC_PROVISIONING_CLIENT_ID", "a second application, for the Provisioning API"},
		{"provisioning-client-secret", "VBC_PROVISIONING_CLIENT_SECRET", ""},
	} {
		if v.about != "" && reference(v.variable) != "" {
			w.line("      # %s", v.about)
		}
		if strings.Contains(v.key, "password") || strings.Contains(v.key, "secret") {
			if ref := reference(v.variable); ref != "" {
				w.line("      %s: %s", v.key, ref)
			}
			continue
		}
		value, err := setting(v.variable)
		if err != nil {
			return err
		}
		if value != "" {
			w.line("      %s: %s", v.key, scalar(value))
		}
	}
	if ref := reference("VBCVAULT_SIGNING_KEY"); ref != "" {
		w.line("    # the key that signs receipts")
		w.line("    signing-key: %s", ref)
	}
	return nil
}

// reference says where a setting is today, "" if nowhere.
func reference(variable string) string {
	if file := os.Getenv(variable + "_FILE"); file != "" {
		return "{file: " + scalarInList(absolute(file)) + "}"
	}
	if os.Getenv(variable) != "" {
		return "{env: " + variable + "}"
	}
	return ""
}

// s3 writes how to reach the bucket, as far as the environment says it.
func (w *configText) s3() {
	var lines []string
	for _, v := range []struct{ key, variable string }{
		{"region", "AWS_REGION"}, {"region", "AWS_DEFAULT_REGION"}, {"endpoint", "AWS_ENDPOINT_URL_S3"}, {"endpoint", "AWS_ENDPOINT_URL"}, {"profile", "AWS_PROFILE"},
	} {
		value := os.Getenv(v.variable)
		if value != "" && (len(lines) == 0 || !strings.HasPrefix(lines[len(lines)-1], v.key+":")) {
			lines = append(lines, v.key+": "+scalar(value))
		}
	}
	if os.Getenv("AWS_ACCESS_KEY_ID") != "" && os.Getenv("AWS_SECRET_ACCESS_KEY") != "" {
		lines = append(lines, "access-key-id: {env: AWS_ACCESS_KEY_ID}", "secret-access-key: {env: AWS_SECRET_ACCESS_KEY}")
		if os.Getenv("AWS_SESSION_TOKEN") != "" {
			lines = append(lines, "session-token: {env: AWS_SESSION_TOKEN}")
		}
	}
	if len(lines) == 0 {
		return
	}
	w.line("    # how to reach the bucket; what is not here is as in the environment")
	w.line("    s3:")
	for _, l := range lines {
		w.line("      %s", l)
	}
}

func (w *configText) tail() {
	w.line("    # for vbcvault serve: every night, somewhere between 02:17 and 04:17")
	w.line("    # schedule: {cron: \"17 2 * * *\", time-zone: Europe/Berlin, spread: 2h}")
	w.line("")
	w.line("# Who is told, and of what.")
	w.line("# notify:")
	w.line("#   ops: {on: [failure, recovery, news], webhook: {url: {env: HOOK}, template: slack}}")
}
