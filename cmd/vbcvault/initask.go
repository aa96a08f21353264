package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/vbcvault/vbcvault/pipeline"
)

// asker asks somebody at a terminal. Used by one goroutine.
type asker struct {
	tty  *os.File
	out  io.Writer
	rest []byte // was read, and belongs to the next answer
}

// newAsker is nil if there is nobody to ask.
func newAsker(in io.Reader, out io.Writer) *asker {
	tty, ok := in.(*os.File)
	if !ok || !term.IsTerminal(int(tty.Fd())) {
		return nil
	}
	return &asker{tty: tty, out: out}
}

// errNoAnswer is the end of the input, as of Ctrl-D. It stops everything.
var errNoAnswer = fmt.Errorf("the input has ended: %w", pipeline.ErrStopped)

// line asks for a line; what is empty is the preset.
func (a *asker) line(ctx context.Context, question, preset string) (string, error) {
	if preset != "" {
		question += " [" + preset + "]"
	}
	_, _ = fmt.Fprint(a.out, question+": ")
	said, err := a.read(ctx)
	if err != nil {
		fmt.Fprintln(a.out)
		return "", err
	}
	if said = strings.TrimSpace(said); said == "" {
		return preset, nil
	}
	return said, nil
}

// needed asks until there is an answer that fits.
func (a *asker) needed(ctx context.Context, question, preset string, fit func(string) error) (string, error) {
	for {
		said, err := a.line(ctx, question, preset)
		if err != nil {
			return "", err
		}
		if said == "" {
			continue
		}
		if err := fit(said); err == nil {
			return said, nil
		} else {
			a.mistaken(err)
		}
	}
}

// mistaken says what is wrong with an answer.
func (a *asker) mistaken(err error) {
	fmt.Fprintf(a.out, "  %v\n", err)
	if h := hintFor(err); h != "" {
		fmt.Fprintf(a.out, "  → %s\n", h)
	}
}

// yes asks a question that is answered by yes or no.
func (a *asker) yes(ctx context.Context, question string, preset bool) (bool, error) {
	choice := " [y/N]: "
	if preset {
		choice = " [Y/n]: "
	}
	for {
		_, _ = fmt.Fprint(a.out, question+choice)
		said, err := a.read(ctx)
		if err != nil {
			fmt.Fprintln(a.out)
			return false, err
		}
		switch strings.ToLower(strings.TrimSpace(said)) {
		case "":
			return preset, nil
		case "y", "yes":
			return true, nil
		case "n", "no":
			return false, nil
		}
	}
}

// secret asks for what isn't shown. Without an answer it asks again.
func (a *asker) secret(ctx context.Context, question string) (string, error) {
	for {
		b, err := hidden(ctx, a.tty, func() { _, _ = fmt.Fprint(a.out, question+" (not shown): ") })
		fmt.Fprintln(a.out)
		switch {
		case errors.Is(err, io.EOF):
			return "", errNoAnswer
		case err != nil:
			return "", err
		case len(b) > 0:
			return string(b), nil
		}
	}
}

// read reads a line. A terminal gives one at a time, so that nothing is taken that
// belongs to a secret.
func (a *asker) read(ctx context.Context) (string, error) {
	type answer struct {
		b   []byte
		err error
	}
	for {
		if line, rest, ok := bytes.Cut(a.rest, []byte("\n")); ok {
			a.rest = rest
			return string(line), nil
		}
		got := make(chan answer, 1)
		go func() {
			b := make([]byte, 4096)
			n, err := a.tty.Read(b)
			got <- answer{b[:n], err}
		}()
		select {
		case <-ctx.Done():
			return "", pipeline.ErrStopped
		case g := <-got:
			a.rest = append(a.rest, g.b...)
			if g.err != nil || len(g.b) == 0 {
				return "", errNoAnswer
			}
		}
	}
}
