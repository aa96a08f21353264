package notify

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
)

func command(t *testing.T, script string, args ...string) config.Notifier {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("no sh")
	}
	return config.Notifier{Name: "cmd", On: []string{"always"}, Command: append([]string{"/bin/sh", "-c", script, "sh"}, args...)}
}

// A command that fails, floods or can't be found is told apart from one that tells.
func TestCommands(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		script, want string
		final        bool
	}{
		"tells":             {`grep -q '"title":"acme: archived 12, deleted 10"'`, "", false},
		"reads nothing":     {`exit 0`, "", false},
		"fails":             {`echo first >&2; echo "no pager	here" >&2; exit 7`, "exit status 7: first no pager here", false},
		"floods stdout":     {`yes | head -c 20000000; exit 0`, "", false},
		"floods stderr":     {`yes | head -c 20000000 >&2; exit 1`, "exit status 1: y y", false},
		"is killed":         {`kill -9 $$`, "killed", false},
		"leaves one behind": {`sleep 3 & exit 0`, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tell, log := teller(t, command(t, c.script))
			err := tell.Tell(t.Context(), well(0))[0].Err
			if (err == nil) != (c.want == "") || err != nil && (!strings.Contains(err.Error(), c.want) || len(err.Error()) > 400 || Final(err) != c.final) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if (err != nil) != strings.Contains(log.String(), "WARN") {
				t.Errorf("log %s", log)
			}
		})
	}
	tell, _ := teller(t, config.Notifier{Name: "cmd", On: []string{"always"}, Command: []string{filepath.Join(t.TempDir(), "none")}})
	if err := tell.Tell(t.Context(), well(0))[0].Err; !Final(err) {
		t.Error(err)
	}
}

// A command that doesn't end is killed, with what it has started.
func TestCommandHangs(t *testing.T) {
	t.Parallel()
	started := filepath.Join(t.TempDir(), "started")
	tell, _ := teller(t, command(t, `sleep 600 & echo $! > "$1.new"; mv "$1.new" "$1"; wait`, started))
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for ctx.Err() == nil {
			if _, err := os.Stat(started); err == nil {
				cancel() // as the time limit does
			}
		}
	}()
	if err := tell.Send(ctx, Letter{Notifier: "cmd", Message: Message{Title: "x"}}); err == nil || !strings.Contains(err.Error(), "in time") {
		t.Error(err)
	}
}

// A command gets what programs need of the environment, and no secret.
func TestCommandsEnvironment(t *testing.T) {
	t.Parallel()
	all := []string{"PATH=/bin", "HOME=/root", "TZ=UTC", "VBC_PASSWORD=x", "VBCVAULT_SIGNING_KEY=x", "AWS_SECRET_ACCESS_KEY=x", "HOOK=x", "Path=C:"}
	if got := environment(all); !slices.Equal(got, []string{"PATH=/bin", "HOME=/root", "TZ=UTC", "Path=C:"}) {
		t.Errorf("%q", got)
	}
	out := filepath.Join(t.TempDir(), "env")
	tell, _ := teller(t, command(t, `env > "$1"`, out))
	if err := tell.Tell(t.Context(), well(0))[0].Err; err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if name, _, _ := strings.Cut(line, "="); !slices.Contains(append(slices.Clone(passed), "PWD", "SHLVL", "_", "OLDPWD"), name) {
			t.Errorf("it gets %s", name)
		}
	}
}
