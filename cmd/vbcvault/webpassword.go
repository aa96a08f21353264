package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/access"
	"github.com/vbcvault/vbcvault/pipeline"
)

// newPassword gets a new password and is its hash. The password itself is in no flag and
// in no variable of the environment, which other programs can see.
func (f *webUserFlags) newPassword(ctx context.Context, in io.Reader, out io.Writer) (string, error) {
	password, err := f.readPassword(ctx, in, out)
	if err != nil {
		return "", err
	}
	hash, err := access.NewPassword(password)
	if err != nil {
		return "", usagef("use a longer one, such as four words", "%w", err)
	}
	return hash, nil
}

func (f *webUserFlags) readPassword(ctx context.Context, in io.Reader, out io.Writer) (string, error) {
	switch f.passwordFile {
	case "":
		return askPassword(ctx, in, out)
	case "-":
		return firstLine(in, "stdin")
	}
	file, err := os.Open(f.passwordFile)
	if err != nil {
		return "", usagef("the file must exist, and this user must be able to read it", "--password-file: %v", err)
	}
	defer file.Close()
	return firstLine(file, f.passwordFile)
}

// firstLine is the first line of a file, without what ends it.
func firstLine(r io.Reader, name string) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(r, 64<<10)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", usagef("the file must be readable", "--password-file: %v", err)
	}
	line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
	if line == "" {
		return "", usagef("write the password into its first line", "--password-file: %s is empty", name)
	}
	return line, nil
}

// askPassword asks at the terminal, twice.
func askPassword(ctx context.Context, in io.Reader, out io.Writer) (string, error) {
	tty, ok := in.(*os.File)
	if !ok || !term.IsTerminal(int(tty.Fd())) {
		return "", usagef("run it at a terminal, or use --password-file FILE, or --password-file - for stdin", "there is no terminal to ask for a password")
	}
	var said [2]string
	for i, question := range []string{"Password: ", "The same again: "} {
		b, err := hidden(ctx, tty, func() { fmt.Fprint(out, question) })
		fmt.Fprintln(out)
		if err != nil {
			return "", err
		}
		said[i] = string(b)
	}
	if said[0] != said[1] {
		return "", usagef("run the command again", "the passwords are not the same")
	}
	return said[0], nil
}

// hidden reads a line without showing it. It asks once the terminal shows nothing any
// more. Where it is interrupted, the terminal shows again what is typed.
func hidden(ctx context.Context, tty *os.File, ask func()) ([]byte, error) {
	fd := int(tty.Fd())
	was, err := term.GetState(fd)
	if err != nil {
		return nil, fmt.Errorf("ask for a password: %w", err)
	}
	type line struct {
		b   []byte
		err error
	}
	read := make(chan line, 1)
	go func() {
		b, err := term.ReadPassword(fd)
		read <- line{b, err}
	}()
	for range 200 { // it may have shown nothing before
		if is, err := term.GetState(fd); err != nil || !reflect.DeepEqual(is, was) || wait(ctx, time.Millisecond) != nil {
			break
		}
	}
	ask()
	select {
	case l := <-read:
		return l.b, l.err
	case <-ctx.Done():
		return nil, errors.Join(pipeline.ErrStopped, term.Restore(fd, was))
	}
}
