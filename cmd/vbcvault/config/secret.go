package config

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"go.yaml.in/yaml/v3"
)

// Secret is where a secret is. It is never the secret itself. One is set, or none.
type Secret struct {
	Env        string
	File       string // an absolute path
	Exec       []string
	AWS        string // ARN#KEY of AWS Secrets Manager, or ARN for all of it
	Credential string // name of a credential that systemd hands over
	Line       int    // of the file
}

const (
	longest  = 64 << 10         // bytes of a secret
	patience = 30 * time.Second // with whoever is asked for one
)

// IsZero reports whether there is no reference.
func (s Secret) IsZero() bool {
	return s.Env == "" && s.File == "" && len(s.Exec) == 0 && s.AWS == "" && s.Credential == ""
}

// String says where the secret is, and not with which arguments a program is asked.
func (s Secret) String() string {
	switch {
	case s.Env != "":
		return "environment variable " + s.Env
	case s.File != "":
		return "file " + s.File
	case len(s.Exec) > 0:
		return "program " + s.Exec[0]
	case s.AWS != "":
		return "AWS secret " + s.AWS
	case s.Credential != "":
		return "credential " + s.Credential
	}
	return "nowhere"
}

// Resolve fetches the secret, each time anew: whoever needs it doesn't keep it longer
// than that. A program and AWS have 30 seconds to answer. One newline at the end of a
// file, or of what a program prints, isn't part of it. The error says where it should
// be, and never what it is. Several goroutines may call it.
func (s Secret) Resolve(ctx context.Context) (string, error) {
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	value, err := s.fetch(ctx)
	switch {
	case err == nil && value == "":
		err = errors.New("is empty")
	case err == nil && len(value) > longest:
		err = fmt.Errorf("has more than %d KiB", longest>>10)
	}
	if err != nil {
		return "", fmt.Errorf("%s %w", s, err)
	}
	return value, nil
}

func (s Secret) fetch(ctx context.Context) (string, error) {
	switch {
	case s.Env != "":
		value, ok := os.LookupEnv(s.Env)
		if !ok {
			return "", errors.New("is not set")
		}
		return value, nil
	case s.File != "":
		return read(s.File)
	case len(s.Exec) > 0:
		return s.ask(ctx)
	case s.AWS != "":
		return askAWS(ctx, s.AWS)
	case s.Credential != "":
		return s.handedOver()
	}
	return "", errors.New("is no secret: there is no reference to one")
}

// read reads a regular file: a pipe might never end.
func read(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("can't be read: %w", reason(err))
	}
	if !info.Mode().IsRegular() {
		return "", errors.New("is not a regular file")
	}
	file, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("can't be read: %w", reason(err))
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, longest+3)) // with its newline
	if err != nil {
		return "", fmt.Errorf("can't be read: %w", reason(err))
	}
	return withoutNewline(string(text)), nil
}

// ask runs the program. What it writes to stderr is shown nowhere: nobody knows what is
// in it.
func (s Secret) ask(ctx context.Context) (string, error) {
	cmd := exec.CommandContext(ctx, s.Exec[0], s.Exec[1:]...) //nolint:gosec // the file's owner says which program, and may run any
	cmd.WaitDelay = time.Second                               // what it has started may keep its output open
	out := &limited{left: longest + 3}
	cmd.Stdout = out
	err := cmd.Run()
	if out.left < 0 {
		return "", fmt.Errorf("prints more than %d KiB", longest>>10)
	}
	exit, exited := errors.AsType[*exec.ExitError](err)
	switch {
	case err == nil:
		return withoutNewline(string(out.kept)), nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return "", fmt.Errorf("has not ended within %s", patience)
	case ctx.Err() != nil:
		return "", fmt.Errorf("was interrupted: %w", context.Cause(ctx))
	case exited && exit.Exited():
		return "", fmt.Errorf("ended with exit code %d; run it by hand, as the same user, to see why", exit.ExitCode())
	case exited:
		return "", errors.New("was ended by a signal")
	case errors.Is(err, exec.ErrWaitDelay):
		return "", errors.New("has left another program running that keeps its output open")
	case errors.Is(err, exec.ErrNotFound):
		return "", errors.New("is not in PATH; write its whole path")
	}
	return "", fmt.Errorf("can't be started: %w", reason(err))
}

// limited keeps so many bytes, and refuses more.
type limited struct {
	kept []byte
	left int
}

func (l *limited) Write(b []byte) (int, error) {
	if l.left -= len(b); l.left < 0 {
		return 0, errors.New("too much")
	}
	l.kept = append(l.kept, b...)
	return len(b), nil
}

func withoutNewline(s string) string {
	return strings.TrimSuffix(strings.TrimSuffix(s, "\n"), "\r")
}

// Doubt says what should be mended about where the secret is, "" if nothing is known.
// It is not refused for that: what Docker and Kubernetes mount can be read by every user
// of its container, of which there is one.
func (s Secret) Doubt() string {
	path := s.File
	if s.Credential != "" {
		path = s.path()
	}
	if path == "" || runtime.GOOS == "windows" {
		return ""
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm()&0o007 == 0 {
		return ""
	}
	return fmt.Sprintf("every user of this machine can read %s (mode %04o)", path, info.Mode().Perm())
}

// Mend says what to do if the secret can't be fetched.
func (s Secret) Mend() string {
	switch {
	case s.Env != "":
		return "set it for vbcvault: a service or cron has another environment than a terminal"
	case s.File != "":
		return "the file must exist, and the user that vbcvault runs as must be able to read it"
	case len(s.Exec) > 0:
		return "run the program as the user that vbcvault runs as; it must print the secret and nothing else"
	case s.Credential != "":
		return s.mendCredential()
	}
	return "check the ARN, and that the AWS credentials in the environment may call secretsmanager:GetSecretValue"
}

var variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,199}$`)

const mendSecret = "write where it is: {env: NAME}, {file: /run/secrets/NAME}, {credential: NAME}, {exec: [PROGRAM, ARGUMENT]} or {aws_secret: ARN#KEY}"

// secret reads a reference. Whatever is wrong with it, nothing that is written there is
// shown, not a key either: it may be the secret.
func (r *reader) secret(s *Secret, n *yaml.Node, at place) {
	switch {
	case n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null":
		r.wrong(at, mendSecret, "there is no value")
		return
	case n.Kind != yaml.MappingNode:
		r.wrong(at, mendSecret+". Change the secret if others could read this file", "a secret must not be in the file itself")
		return
	case len(n.Content) != 2 || n.Content[0].Kind != yaml.ScalarNode:
		r.wrong(at, mendSecret, "this must be one reference to a secret")
		return
	}
	to := Secret{Line: n.Content[0].Line}
	value := n.Content[1]
	in := placeOf(n.Content[0], at.key+"."+n.Content[0].Value)
	switch n.Content[0].Value {
	case "env":
		if to.Env = value.Value; value.Kind != yaml.ScalarNode || !variable.MatchString(to.Env) {
			r.wrong(in, "write its name, without $, as in {env: VBC_PASSWORD}", "this is not the name of an environment variable")
			return
		}
	case "file":
		var ok bool
		if to.File, ok = r.file(value.Value); !ok || value.Kind != yaml.ScalarNode || strings.ContainsFunc(value.Value, unprintable) {
			r.wrong(in, "write its whole path, as in {file: /run/secrets/vbc}, or ./NAME for one beside this file", "this is not the path of a file")
			return
		}
	case "exec":
		if value.Kind != yaml.SequenceNode || !allTexts(value.Content) || len(value.Content) == 0 {
			r.wrong(in, `write a list of the program and its arguments, as in {exec: [/usr/bin/pass, show, vbc]}: no shell takes it apart`, "this is not a list of texts")
			return
		}
		for _, e := range value.Content {
			to.Exec = append(to.Exec, e.Value)
		}
		if wrong, mend := unfitProgram(to.Exec[0]); wrong != "" {
			r.wrong(in, mend, "%s", wrong)
			return
		}
	case "aws_secret":
		if to.AWS = value.Value; value.Kind != yaml.ScalarNode || !isSecretARN(to.AWS) {
			r.wrong(in, "write {aws_secret: arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME#KEY}, with the KEY of the JSON in it", "this is not the ARN of a secret")
			return
		}
	case "credential":
		if to.Credential = value.Value; value.Kind != yaml.ScalarNode || !credential.MatchString(to.Credential) {
			r.wrong(in, "write the name of a file in "+SecretsDir+", as in {credential: vbc-password}", "this is not the name of a credential")
			return
		}
	default:
		r.wrong(at, mendSecret, "this must be a reference to a secret, by env, file, credential, exec or aws_secret")
		return
	}
	*s = to
}

func allTexts(nodes []*yaml.Node) bool {
	for _, n := range nodes {
		if n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" || strings.ContainsRune(n.Value, 0) {
			return false
		}
	}
	return true
}

// isSecretARN reports whether a text is an ARN of AWS Secrets Manager, with or without #KEY.
func isSecretARN(s string) bool {
	if strings.ContainsFunc(s, unprintable) {
		return false
	}
	whole, key, keyed := strings.Cut(s, "#")
	a, err := arn.Parse(whole)
	return err == nil && a.Service == "secretsmanager" && a.Region != "" && strings.HasPrefix(a.Resource, "secret:") && (key != "" || !keyed)
}
