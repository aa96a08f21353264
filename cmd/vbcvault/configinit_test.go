package main

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

// The file that init makes leads to the run that the flags and the environment lead to:
// the same manifest, the same destination, the same options. It holds no secret, is its
// owner's alone, and is never written over another.
func TestConfigInitLeadsToTheSameRun(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	key := filepath.Join(dir, "password")
	if err := os.WriteFile(key, []byte("hunter2 file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"VBC_PROVISIONING_CLIENT_ID", "VBC_API_URL", "VBC_API_ROOT", "VBC_TOKEN_URL", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "VBCVAULT_SIGNING_KEY", "VBCVAULT_SIGNING_KEY_FILE"} {
		t.Setenv(name, "")
	}
	for name, value := range map[string]string{
		"VBC_USERNAME": "bot: #1", "VBC_PASSWORD_FILE": "password", "VBC_PASSWORD": "", "VBC_CLIENT_ID": "0815", "VBC_CLIENT_SECRET": "hunter2 env", "VBCVAULT_STATE_DIR": "state",
		"AWS_ACCESS_KEY_ID": "hunter2 id", "AWS_SECRET_ACCESS_KEY": "hunter2 key",
	} {
		t.Setenv(name, value)
	}
	for _, c := range []struct {
		name string
		env  map[string]string
		args []string
	}{
		{name: "least", args: []string{"--older-than", "90d", "--to", "s3://my-bucket/x"}},
		{name: "much", args: []string{
			"--before", "2026-08-01", "--since", "2020-01-01T00:00:00Z", "--to", "s3://my-bucket/x", "--delete", "--delete-after", "7d", "--max-deletes", "0",
			"--account", "0549825", "--kind", "company,on-demand", "--users", "745249,745250", "--tag", `a=b c:d`, "--tag", "e=0123", "--cnam", `O'Neil: "#1"`, "--caller-id", "+4930", "--extension", "0100",
			"--object-lock", "governance", "--retain", "7y", "--workers", "3", "--rate", "10/m", "--if-running", "skip", "--manifest", "my.manifest", "--spool-dir", ".", "--catalog", "--full-scan-every", "60d", "--max-wait", "1h30m",
		}},
		{name: "directory", args: []string{"--older-than", "1y", "--to", "file://" + filepath.ToSlash(dir), "--trust-mount", "--json", "--log-level", "debug"}},
		{name: "environment", env: map[string]string{
			"VBC_API_URL": "https://api.example.com", "VBC_PROVISIONING_CLIENT_ID": "yes", "VBC_PROVISIONING_CLIENT_SECRET_FILE": key, "VBC_TOKEN_URL": "https://api.example.com/token", "AWS_DEFAULT_REGION": "eu-west-3", "AWS_REGION": "eu-central-1", "AWS_ENDPOINT_URL": "https://s3.example.com",
		}, args: []string{"--older-than", "90d", "--to", "s3://my-bucket"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for name, value := range c.env {
				t.Setenv(name, value)
			}
			out := c.name + ".yaml"
			init := append([]string{"config", "init", "--out", out}, c.args...)
			var said, errs bytes.Buffer
			if code := run(t.Context(), init, streams{out: &said, err: &errs}); code != exitDone {
				t.Fatalf("exit code %d: %s", code, &errs)
			}
			text, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(text), "hunter2") {
				t.Errorf("the file has a secret:\n%s", text)
			}
			if info, err := os.Stat(out); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
				t.Errorf("%v, %v", info.Mode(), err)
			}
			if code := run(t.Context(), []string{"config", "check", out}, streams{out: &said, err: &errs}); code != exitDone {
				t.Errorf("check: exit code %d: %s%s", code, &said, &errs)
			}
			if code := run(t.Context(), init, streams{out: &said, err: &errs}); code != exitUsage {
				t.Errorf("another file in its place: exit code %d", code)
			}
			if again, err := os.ReadFile(out); err != nil || !bytes.Equal(again, text) {
				t.Error("the file was overwritten")
			}

			now := time.Now()
			var f archiveFlags
			cmd := &cobra.Command{}
			f.register(cmd.Flags())
			if err := cmd.ParseFlags(c.args); err != nil {
				t.Fatal(err)
			}
			want, err := f.job(now, cmd.Flags().Changed, environment())
			if err != nil {
				t.Fatal(err)
			}
			accounts, err := loadAccounts(out)
			if err != nil {
				t.Fatal(err)
			}
			got, err := accounts[0].job(t.Context(), now)
			if err != nil {
				t.Fatal(err)
			}
			if got.manifest != absolute(want.manifest) {
				t.Errorf("manifest %s, want %s", got.manifest, want.manifest)
			}
			if want.options.SpoolDir != "" {
				want.options.SpoolDir = absolute(want.options.SpoolDir)
			}
			if !reflect.DeepEqual(got.options, want.options) {
				t.Errorf("options\n%+v\nwant\n%+v", got.options, want.options)
			}
			if !reflect.DeepEqual(got.vbc, want.vbc) || got.destination != want.destination {
				t.Errorf("%+v\n%+v\nwant\n%+v\n%+v", got.vbc, got.destination, want.vbc, want.destination)
			}
			if got.skipIfRunning != want.skipIfRunning || got.trustMount != want.trustMount || got.insecureHTTP != want.insecureHTTP {
				t.Errorf("%+v\nwant\n%+v", got, want)
			}
		})
	}
}
