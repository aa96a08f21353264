// Package prove gathers what proves one recording to a stranger: the copy out of its
// archive, and the receipts about it out of the logs, each with the proof that it is
// in one. What it makes of them is a directory as in package proof. It asks VBC
// nothing, and changes nothing but for Vouch, which adds a receipt where there is none.
package prove

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/proof"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/pipeline/refusal"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// Manifest is what gathering needs of a manifest. It is only read.
type Manifest interface {
	Binding(ctx context.Context) (manifest.Binding, error)
	All(ctx context.Context, key vbc.Key) ([]manifest.Row, error)
	Holds(ctx context.Context) ([]manifest.Hold, error)
	Chain(ctx context.Context) (receipt.Chain, error)
	Receipts(ctx context.Context, after int64) iter.Seq2[[]byte, error]
	ReceiptsStored(ctx context.Context) (seq int64, err error)
	Checkpoint(ctx context.Context) ([]byte, error)
	SigningKey() (receipt.Key, error)
	Verifier(ctx context.Context) (string, error)
	Trusted(ctx context.Context) ([]manifest.Trusted, error)
}

// Options say what is proven, and where to.
type Options struct {
	Which   Which
	Dir     string // to make; it mustn't exist, or be empty
	Open    func(dir string) (proof.Folder, error)
	Program string // its version
}

// Result is what a proof has come to. Its JSON is a contract.
type Result struct {
	Directory string      `json:"directory"`
	Recording string      `json:"recording"`
	Erased    bool        `json:"erased"`
	Receipts  int         `json:"receipts"`
	Files     int64       `json:"files"`
	Bytes     int64       `json:"bytes"`
	Logs      []ResultLog `json:"logs"`
}

// ResultLog is a log that a proof has receipts of.
type ResultLog struct {
	Checkpoint string `json:"checkpoint"` // in one line
	Verifier   string `json:"verifier"`
}

// ErrUnvouched says that no receipt that is signed, or may be, vouches for a copy. Vouch
// adds what is lacking.
var ErrUnvouched = errors.New("no receipt vouches for the copy")

// identified is a store that can tell by reading whether it is the one that is meant.
type identified interface{ Identify(known string) error }

// Write makes the proof of one recording. Every byte of the copy is read, and compared
// with what the newest receipt that vouches for one says, before the directory has its
// name: it is whole and durable on nil, and else there is none. The error is
// ErrUnvouched (wrapped) if no receipt vouches for the copy that the manifest has.
func Write(ctx context.Context, store storage.Store, m Manifest, o Options) (Result, error) {
	g, err := Gather(ctx, store, m, []Which{o.Which})
	if err != nil {
		return Result{}, err
	}
	return g.Write(ctx, 0, o)
}

// Gathered are the receipts about several recordings of one account.
type Gathered struct{ g gatherer }

// Gather reads the logs, once for all of these recordings, and keeps what is about
// them. An error is one about all of them, such as logs that aren't what was signed;
// what keeps one recording from being proven is an error of Write.
func Gather(ctx context.Context, store storage.Store, m Manifest, of []Which) (*Gathered, error) {
	bound, err := m.Binding(ctx)
	if s, ok := store.(identified); ok && err == nil {
		err = s.Identify(bound.Identity)
	}
	if err != nil {
		return nil, err
	}
	g := gatherer{store: store, manifest: m, account: bound.Account}
	for _, w := range of {
		s := &subject{account: bound.Account}
		s.row, s.alone, s.err = w.pick(ctx, m)
		g.of = append(g.of, s)
	}
	if len(of) == 1 && g.of[0].err != nil {
		return nil, g.of[0].err
	}
	return &Gathered{g}, g.logs(ctx)
}

// Write makes the proof of one of the recordings, by its place in Gather's list, as the
// function Write does. It may be called once the recording's receipts have got older;
// the proof says what was known when they were gathered.
func (a *Gathered) Write(ctx context.Context, i int, o Options) (Result, error) {
	s := a.g.of[i]
	if s.err != nil {
		return Result{}, s.err
	}
	row, logs := s.row, s.logs
	parts, err := a.g.copied(s)
	if err != nil {
		return Result{}, err
	}
	known := vbc.Recording{Account: a.g.account, Kind: row.Kind, Owner: row.Owner, ID: row.ID, Start: row.Start.UTC()}
	r := Result{Directory: o.Dir, Recording: known.String(), Erased: row.State == manifest.Erased}
	r.Files, r.Bytes, err = proof.Write(ctx, o.Dir, proof.Contents{Recording: known, Copy: parts, Logs: logs, Program: o.Program}, o.Open)
	for _, l := range logs {
		c, e := receipt.ParseCheckpoint(string(l.Checkpoint))
		err = errors.Join(err, e)
		r.Receipts += len(l.Lines)
		r.Logs = append(r.Logs, ResultLog{c.String(), l.Verifier})
	}
	return r, explained(err, row)
}

// explained makes refusals of what keeps a copy from being proven.
func explained(err error, row manifest.Row) error {
	damaged, isDamaged := errors.AsType[*proof.DamagedError](err)
	switch {
	case err == nil:
		return nil
	case isDamaged:
		return notIntact(row, damaged)
	case errors.Is(err, storage.ErrNotFound):
		return notIntact(row, err)
	case errors.Is(err, storage.ErrCold):
		return &refusal.Refusal{
			Code:   code.Cold,
			Reason: fmt.Sprintf("the copy of %s is in cold storage: %v", row.Recording, err),
			Hint: fmt.Sprintf("vbcvault restore --id %d --thaw asks for it, which costs money; "+
				"when it is ready, run the same command again", row.ID),
		}
	}
	return err
}

func notIntact(row manifest.Row, err error) error {
	return &refusal.Refusal{
		Code:   code.NotIntact,
		Reason: fmt.Sprintf("the copy of %s is damaged or missing, so there is no proof: %v", row.Recording, err),
		Hint:   "vbcvault verify --deep checks all copies and says what to do",
	}
}

// copied are the files of the copy, as the newest receipt that vouches for one has
// them, and read where the manifest knows them to be.
func (g *gatherer) copied(s *subject) ([]proof.Part, error) {
	row := s.row
	switch {
	case row.State == manifest.Erased:
		return nil, nil
	case row.State == manifest.Erasing:
		return nil, &refusal.Refusal{
			Code: code.NotArchived, Reason: fmt.Sprintf("%s is being erased from the archive", row.Recording),
			Hint: "run vbcvault erase again, which finishes it",
		}
	case !row.Copy.Known() || !row.Copy.Audio.Proven() || !row.Copy.Sidecar.Proven():
		return nil, &refusal.Refusal{
			Code: code.NotArchived, Reason: fmt.Sprintf("%s is not in the archive: its state is %s", row.Recording, row.State),
			Hint: "vbcvault status --id shows what is known of it",
		}
	}
	v, ok := proof.Voucher(s.logs)
	switch {
	case ok && same(v, row.Copy):
		return g.parts(row, v), nil
	case ok && (row.State == manifest.Purged || row.State == manifest.Purging):
		return nil, &refusal.Refusal{
			Code: code.ReceiptsDiffer,
			Reason: fmt.Sprintf("the manifest has another copy of %s than receipt %d of the log %s, which justified its deletion",
				row.Recording, v.Seq, v.Chain),
			Hint: "somebody may have changed the manifest; vbcvault audit shows details",
		}
	case row.Unvouched && row.State == manifest.Purged:
		return nil, &refusal.Refusal{
			Code: code.Unvouched,
			Reason: fmt.Sprintf("the copy of %s was found in the archive, and no signed receipt vouches for it; "+
				"VBC no longer has the recording, so nobody can compare them", row.Recording),
			Hint: "if you know the key of the manifest that archived it, trust it and make the manifest anew",
		}
	case row.Unvouched:
		return nil, &refusal.Refusal{
			Code: code.Unvouched,
			Reason: fmt.Sprintf("the copy of %s was found in the archive, and no signed receipt vouches for it",
				row.Recording),
			Hint: "run vbcvault archive with --delete, which compares the copy with VBC's before it deletes the recording there; " +
				"or, if nobody else has written to the archive, vbcvault archive --trust-archive; then run the same command again",
		}
	case row.Alike == manifest.Suspect:
		return nil, &refusal.Refusal{
			Code:   code.Unvouched,
			Reason: fmt.Sprintf("another recording has the same audio as %s, and it is not known yet whether that is right", row.Recording),
			Hint:   "run vbcvault archive, which asks VBC once more; then run the same command again",
		}
	}
	return nil, fmt.Errorf("%s: %w", row.Recording, ErrUnvouched)
}

// same reports whether an entry vouches for just this copy.
func same(v receipt.Entry, c manifest.Copy) bool {
	transcript := storage.Content{}
	if v.Transcript != nil && v.Transcript.Key != "" {
		transcript = v.Transcript.Content
	}
	has := storage.Content{}
	if c.Transcript.Key != "" {
		has = c.Transcript.Content
	}
	return v.Audio.Content == c.Audio.Content && v.Sidecar.Content == c.Sidecar.Content && transcript == has
}

func (g *gatherer) parts(row manifest.Row, v receipt.Entry) []proof.Part {
	parts := proof.CopyOf(v)
	for i, has := range []storage.Object{row.Copy.Audio, row.Copy.Sidecar, row.Copy.Transcript}[:len(parts)] {
		parts[i].Open = func(ctx context.Context) (io.ReadCloser, error) { return g.store.Open(ctx, has) }
	}
	return parts
}
