package receipt

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Checkpoint says how far a log has come: that it has so many entries, and the root
// of the tree over them. Whoever keeps one knows for ever whether that log still is
// what it was. Its form is that of https://c2sp.org/tlog-checkpoint, and signed it is
// a note, as in https://c2sp.org/signed-note.
type Checkpoint struct {
	Origin string // which log; see Origin
	Size   int64  // entries
	Root   Root
}

const originPrefix = "vbcvault/"

// Origin is the name of a chain's log in its checkpoints.
func Origin(chain string) string { return originPrefix + chain }

// Chain is the chain whose log it is, "" if it is none of vbcvault's.
func (c Checkpoint) Chain() string {
	chain, ok := strings.CutPrefix(c.Origin, originPrefix)
	if !ok {
		return ""
	}
	return chain
}

// CheckpointOf is the checkpoint of a chain whose lines are in t.
func CheckpointOf(chain string, t Tree) Checkpoint {
	return Checkpoint{Origin: Origin(chain), Size: t.Size(), Root: t.Root()}
}

// Text is what is signed.
func (c Checkpoint) Text() string { return fmt.Sprintf("%s\n%d\n%s\n", c.Origin, c.Size, c.Root) }

// String is the text in one line, as logs have it.
func (c Checkpoint) String() string { return fmt.Sprintf("%s %d %s", c.Origin, c.Size, c.Root) }

var errNoCheckpoint = errors.New("it is not a checkpoint: want the log's name, its size and its root, a line each")

// ParseCheckpoint reads a checkpoint, signed or not: nobody vouches for it. It also
// takes the form of String.
func ParseCheckpoint(text string) (Checkpoint, error) {
	text = strings.TrimLeft(text, "\n")
	if n, err := note.Open([]byte(text), note.VerifierList()); err == nil {
		return parseCheckpoint(n.Text)
	} else if unverified, ok := errors.AsType[*note.UnverifiedNoteError](err); ok {
		return parseCheckpoint(unverified.Note.Text)
	}
	if fields := strings.Fields(text); len(fields) == 3 {
		return parseCheckpoint(strings.Join(fields, "\n") + "\n")
	}
	return parseCheckpoint(text)
}

// parseCheckpoint reads the text that is signed. Lines behind the third are for
// whoever knows them.
func parseCheckpoint(text string) (c Checkpoint, err error) {
	lines := strings.SplitN(text, "\n", 4)
	if len(lines) != 4 || lines[0] == "" {
		return c, errNoCheckpoint
	}
	c.Origin = lines[0]
	if c.Size, err = strconv.ParseInt(lines[1], 10, 64); err != nil || c.Size < 0 || strconv.FormatInt(c.Size, 10) != lines[1] {
		return Checkpoint{}, errNoCheckpoint
	}
	if c.Root, err = tlog.ParseHash(lines[2]); err != nil {
		return Checkpoint{}, errNoCheckpoint
	}
	return c, nil
}

// SignerOf is the name of the key that a checkpoint says it is signed with, "" if it
// says none. Nobody vouches for that.
func SignerOf(signed []byte) string {
	_, err := note.Open(signed, note.VerifierList())
	unverified, ok := errors.AsType[*note.UnverifiedNoteError](err)
	if !ok || len(unverified.Note.UnverifiedSigs) == 0 {
		return ""
	}
	return unverified.Note.UnverifiedSigs[0].Name
}
