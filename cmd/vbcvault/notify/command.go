package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

const (
	commandLimit = 60 * time.Second
	mostSaid     = 4 << 10 // is kept of what a command prints
)

// passed are the variables of the environment that a command gets. None of them is of
// VBC, of a cloud or of vbcvault: secrets of ours stay ours.
var passed = []string{
	"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "LC_CTYPE", "LC_MESSAGES", "TZ", "TMPDIR",
	"SYSTEMROOT", "COMSPEC", "PATHEXT", "TEMP", "TMP", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "PROGRAMDATA", "WINDIR",
}

// runCommand has a command tell. It gets the message as JSON on its stdin; its exit
// code 0 says that it was told.
func runCommand(ctx context.Context, argv []string, m Message) error {
	b, err := bodyOf(m)
	if err != nil {
		return &failure{text: err.Error(), final: true}
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...) //nolint:gosec // the file's owner says which program, and may run any
	cmd.Stdin = bytes.NewReader(b)
	said := &tail{}
	cmd.Stderr = said
	cmd.Env = environment(os.Environ())
	cmd.WaitDelay = 2 * time.Second // for what it has started, and hasn't ended with it
	alone(cmd)
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay): // its own code was 0
		return nil
	case ctx.Err() != nil:
		return &failure{text: "the command did not end in time"}
	case errors.As(err, &exit):
		text := "the command ended with " + exit.ProcessState.String()
		if s := secrets(nil).shown(said.String()); s != "" {
			text += ": " + s
		}
		return &failure{text: text}
	}
	return &failure{text: fmt.Sprintf("the command could not be started: %v", err), final: true}
}

// environment is what a command gets of the environment.
func environment(all []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return !slices.Contains(passed, strings.ToUpper(name))
	})
}

// tail keeps the end of what is written to it.
type tail struct{ b []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p[max(0, len(p)-mostSaid):]...)
	if len(t.b) > mostSaid {
		t.b = append(t.b[:0], t.b[len(t.b)-mostSaid:]...)
	}
	return len(p), nil
}

func (t *tail) String() string { return string(t.b) }
