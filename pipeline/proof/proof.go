// Package proof is a directory that proves what became of one recording, to somebody
// who trusts neither the machine that made it nor the archive that it came from. It
// holds the copy, the receipts about it, and for each receipt the proof that it is in
// a log whose checkpoint is signed. Nothing else is needed to check it but a key, got
// some other way.
//
//	20250512T101500Z_193228.mp3                   as in the archive: audio,
//	20250512T101500Z_193228.json                  metadata,
//	20250512T101500Z_193228.transcript.json       and the transcript, if there is one
//	receipts/GX3…/000000000012.json               entry 12 of that log: the very bytes
//	receipts/GX3…/000000000012.tlog-proof         its proof, as https://c2sp.org/tlog-proof has it
//	receipts/GX3…/checkpoint                      of that log, signed
//	receipts/GX3…/key.txt                         the verifier; to be compared, not believed
//	SHA256SUMS                                    for sha256sum -c
//	index.html                                    all of it in plain English
//
// Write makes such a directory out of what it is given, Check reads one. Neither knows
// of archives or manifests: package prove looks there for what Write needs.
package proof

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"regexp"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// Names in the directory.
const (
	sumsName     = "SHA256SUMS"
	pageName     = "index.html"
	receiptsName = "receipts"

	checkpointName = "checkpoint"
	keyName        = "key.txt"
	entryEnding    = ".json"
	proofEnding    = ".tlog-proof"
)

// Largest sizes of what is read whole, in bytes.
const (
	maxSmall = 1 << 20
	maxPage  = 16 << 20
)

// Contents are what a proof is made of.
type Contents struct {
	Recording vbc.Recording // account, kind, owner, id and start; nothing else of it is shown
	Copy      []Part        // none if it was erased
	Logs      []Log
	Program   string // the version that writes it
}

// Part is a file of the copy.
type Part struct {
	What   Role
	Object storage.Object // as a receipt names it: its name's last part names the file

	// Open reads it in the archive. The caller closes it.
	Open func(ctx context.Context) (io.ReadCloser, error)
}

// Role is what a file of a copy is.
type Role string

// The roles.
const (
	Audio      Role = "audio"
	Metadata   Role = "metadata"
	Transcript Role = "transcript"
)

// Log is what a proof has of one log.
type Log struct {
	Name       string // of its directory
	Verifier   string
	Checkpoint []byte // signed with that key
	Lines      []Line // in their order
}

// Line is a receipt, with the proof that it is in its log.
type Line struct {
	receipt.Entry
	Text  []byte // without a newline
	Proof receipt.Inclusion
}

// name is what its files are called, without their endings.
func (l Line) name() string { return fmt.Sprintf("%012d", l.Seq) }

// Vouches reports whether an entry says of a whole copy that its store has confirmed
// it. One that was found in the archive, and that nobody has compared with what VBC
// sends, anybody may have put there: the log says so, and vouches for nothing.
func Vouches(e receipt.Entry) bool {
	return !e.Found && (e.Vouches() || e.Type == receipt.Result) && e.Audio != nil && e.Sidecar != nil && e.Audio.Proven() && e.Sidecar.Proven() &&
		(e.Transcript == nil || e.Transcript.Proven())
}

// Voucher is the newest entry of logs that vouches for a copy; ok is false if none
// does.
func Voucher(logs []Log) (e receipt.Entry, ok bool) {
	var all [][]told
	for _, l := range logs {
		var lines []told
		for _, line := range l.Lines {
			lines = append(lines, told{Entry: line.Entry})
		}
		all = append(all, lines)
	}
	if s := storyOf(merged(all)); s.voucher != nil {
		return s.voucher.Entry, true
	}
	return e, false
}

// CopyOf are the files of the copy that an entry vouches for, without Open.
func CopyOf(e receipt.Entry) []Part {
	parts := []Part{{What: Audio, Object: *e.Audio}, {What: Metadata, Object: *e.Sidecar}}
	if e.Transcript != nil && e.Transcript.Key != "" {
		parts = append(parts, Part{What: Transcript, Object: *e.Transcript})
	}
	return parts
}

// Name is what a part's file is called.
func (p Part) Name() string { return path.Base(p.Object.Key) }

// copyForm is what files of a copy are called in every archive: no other name of a
// receipt's makes a file.
var copyForm = regexp.MustCompile(`^[0-9]{8}T[0-9]{6}Z_[1-9][0-9]{0,18}[-.][0-9A-Za-z.-]{1,100}$`)

// parseLine reads a receipt: the error says that this program would not have
// written it.
func parseLine(text []byte) (receipt.Entry, error) {
	var place struct {
		Chain string
		Seq   int64
		Prev  storage.Digest
	}
	if err := json.Unmarshal(text, &place); err != nil {
		return receipt.Entry{}, fmt.Errorf("it is not a receipt: %w", err)
	}
	c := receipt.Chain{ID: place.Chain, Last: place.Seq - 1, Head: place.Prev}
	e, err := c.Next(text)
	if err == nil && (e.Chain == "" || e.Seq < 1 || bytes.ContainsRune(text, '\n')) {
		err = fmt.Errorf("it is not a receipt: it has no place in a log")
	}
	return e, err
}

// about reports whether an entry is about a recording: holds and keys are about many.
func about(e receipt.Entry) bool { return e.ID != 0 }

// utc says a time the way the whole proof does.
func utc(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// Field is what a receipt calls it.
func (r Role) Field() string {
	if r == Metadata {
		return "sidecar"
	}
	return string(r)
}
