package prove

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/vbcvault/vbcvault/pipeline/archive"
	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/ledger"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/proof"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/pipeline/refusal"
	"github.com/vbcvault/vbcvault/storage"
)

// gatherer gathers the receipts about one recording.
type gatherer struct {
	store    storage.Store
	manifest Manifest
	account  string
	row      manifest.Row
	alone    bool // no other recording has had its id

	holds []storage.Digest // of those that cover it, ended or not
}

// logs are the manifest's own log and those beside the archive that a known key has
// signed, as far as they have anything about the recording.
func (g *gatherer) logs(ctx context.Context) (logs []proof.Log, err error) {
	holds, err := g.manifest.Holds(ctx)
	if err != nil {
		return nil, err
	}
	for _, h := range holds {
		if h.Covers(g.row) {
			g.holds = append(g.holds, h.Digest)
		}
	}
	own, err := g.own(ctx)
	if err != nil {
		return nil, err
	}
	others, err := g.others(ctx)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(append(others, own), func(l proof.Log) bool { return len(l.Lines) == 0 }), nil
}

// filter finds, in the order of a log, what is about the recording.
type filter struct {
	g     *gatherer
	mine  bool // the last entry without a start was about it
	found []receipt.Entry
}

func (f *filter) add(e receipt.Entry) {
	if f.wants(e) {
		f.found = append(f.found, e)
	}
}

func (f *filter) wants(e receipt.Entry) bool {
	row := f.g.row
	switch {
	case e.Account != f.g.account && e.Account != "":
		return false
	case e.Type == receipt.Held || e.Type == receipt.Released:
		return slices.Contains(f.g.holds, e.Digest)
	case e.Type == receipt.Listened:
		return false // it proves nothing of the copy, and is nobody's business who gets the proof
	case e.Type == receipt.Signing:
		return len(f.found) > 0 // it tells when what was found was signed
	case e.ID == 0 || e.Key() != row.Key():
		return false
	case !e.Start.IsZero():
		return sameSecond(e.Start, row.Start)
	case f.g.alone:
		return true
	case e.Audio != nil: // of an earlier program, which wrote no start: then what it copied tells
		f.mine = e.Audio.Content == row.Copy.Audio.Content
	}
	return f.mine
}

// own has what the manifest's log has, whether that is stored beside the archive yet
// or not: but nothing of a log that isn't what its key has signed.
func (g *gatherer) own(ctx context.Context) (proof.Log, error) {
	verifier, at, signed, err := g.checkpoint(ctx)
	if err != nil {
		return proof.Log{}, err
	}
	f, asSigned := filter{g: g}, signed == nil
	var c receipt.Chain
	var tree receipt.Tree
	for line, err := range g.manifest.Receipts(ctx, 0) {
		if err != nil {
			return proof.Log{}, err
		}
		e, err := c.Next(line)
		if err != nil {
			return proof.Log{}, differ(err)
		}
		f.add(e)
		tree.Add(line)
		asSigned = asSigned || tree.Size() == at.Size && receipt.CheckpointOf(c.ID, tree) == at
	}
	switch {
	case !asSigned:
		return proof.Log{}, differ(fmt.Errorf("the log of the manifest is %s, and it was signed as %s", receipt.CheckpointOf(c.ID, tree), at))
	case len(f.found) == 0:
		return proof.Log{}, nil
	case at.Size < f.found[len(f.found)-1].Seq:
		at = receipt.CheckpointOf(c.ID, tree)
		if signed, err = g.sign(ctx, at, signed == nil); err != nil {
			return proof.Log{}, err
		}
	}
	l, is, err := proven(f.found, at.Size, func() iter.Seq2[[]byte, error] { return g.manifest.Receipts(ctx, 0) })
	if err == nil && receipt.CheckpointOf(c.ID, is) != at {
		err = differ(errors.New("they change while they are read"))
	}
	l.Name, l.Verifier, l.Checkpoint = c.ID, verifier, signed
	return l, err
}

// checkpoint is the last one that was stored beside the archive, nil if there is none:
// it is what everybody else sees.
func (g *gatherer) checkpoint(ctx context.Context) (verifier string, at receipt.Checkpoint, signed []byte, err error) {
	if verifier, err = g.manifest.Verifier(ctx); err != nil {
		return "", at, nil, err
	}
	signed, err = g.manifest.Checkpoint(ctx)
	if err != nil || signed == nil {
		return verifier, at, nil, err
	}
	keys, err := receipt.NewKeys(verifier)
	if err != nil {
		return "", at, nil, err
	}
	if at, _, err = keys.Open(signed); err != nil {
		err = differ(err)
	}
	return verifier, at, signed, err
}

// sign signs what isn't stored beside the archive yet. What an earlier program has
// stored without signing it is not signed here: the log must say so first.
func (g *gatherer) sign(ctx context.Context, c receipt.Checkpoint, first bool) ([]byte, error) {
	if stored, err := g.manifest.ReceiptsStored(ctx); err != nil || first && stored > 0 {
		return nil, errors.Join(err, fmt.Errorf("%s: %w, and the log was never signed", g.row.Recording, ErrUnvouched))
	}
	key, err := g.manifest.SigningKey()
	if missing, ok := errors.AsType[*manifest.KeyError](err); ok {
		return nil, &refusal.Refusal{
			Code:   code.NoKey,
			Reason: fmt.Sprintf("%v; the newest receipts about this recording are not signed yet, so nothing was written", missing),
			Hint: archive.KeyHint(missing) +
				"; or run the same command again after the next vbcvault archive, which signs them",
		}
	}
	if err != nil {
		return nil, err
	}
	return key.Sign(c)
}

// proven are entries with their lines and proofs in the log of so many lines.
func proven(found []receipt.Entry, size int64, lines func() iter.Seq2[[]byte, error]) (l proof.Log, t receipt.Tree, err error) {
	var seqs []int64
	texts := map[int64][]byte{}
	for _, e := range found {
		seqs, texts[e.Seq] = append(seqs, e.Seq), nil
	}
	n := int64(0)
	keeping := func(yield func([]byte, error) bool) {
		for line, err := range lines() {
			n++
			if _, wanted := texts[n]; wanted {
				texts[n] = slices.Clone(line)
			}
			if !yield(line, err) {
				return
			}
		}
	}
	proofs, t, err := receipt.Prove(keeping, size, seqs...)
	if err != nil {
		return l, t, err
	}
	for i, e := range found {
		l.Lines = append(l.Lines, proof.Line{Entry: e, Text: texts[e.Seq], Proof: proofs[i]})
	}
	return l, t, nil
}

// others has what other logs have, as far as a known key vouches for it: those of other
// manifests, and of a lost one whose key this one goes on with.
func (g *gatherer) others(ctx context.Context) (logs []proof.Log, err error) {
	keys, err := archive.Keys(ctx, g.manifest)
	if err != nil {
		return nil, err
	}
	own, err := g.manifest.Chain(ctx)
	if err != nil {
		return nil, err
	}
	l, err := ledger.Read(ctx, g.store, g.account, keys, func(chain string) bool { return chain != own.ID })
	if err != nil {
		return nil, err
	}
	for _, one := range l.Logs {
		has, err := g.other(ctx, l, one)
		if err != nil {
			return nil, err
		}
		same := len(slices.DeleteFunc(slices.Clone(logs), func(l proof.Log) bool { return !ofChain(l, one.Chain) }))
		if has.Name = one.Chain; same > 0 { // branches of one that forks
			has.Name = fmt.Sprintf("%s-%d", one.Chain, same+1)
		}
		if len(has.Lines) > 0 {
			logs = append(logs, has)
		}
	}
	return logs, nil
}

func ofChain(l proof.Log, chain string) bool { return l.Lines[0].Chain == chain }

// other is what one of these logs has.
func (g *gatherer) other(ctx context.Context, l *ledger.Ledger, one *ledger.Log) (proof.Log, error) {
	if one.Signed == 0 {
		return proof.Log{}, nil
	}
	f := filter{g: g}
	for line, err := range l.Lines(ctx, one) {
		if err != nil {
			return proof.Log{}, err
		}
		if !line.Signed {
			break
		}
		f.add(line.Entry)
	}
	if len(f.found) == 0 {
		return proof.Log{}, nil
	}
	has, _, err := proven(f.found, one.Signed, func() iter.Seq2[[]byte, error] {
		return func(yield func([]byte, error) bool) {
			for line, err := range l.Lines(ctx, one) {
				if !yield(line.Text, err) {
					return
				}
			}
		}
	})
	has.Verifier, has.Checkpoint = one.Verifier, one.Checkpoint
	return has, err
}

// differ refuses a log that isn't what was signed.
func differ(err error) error {
	return &refusal.Refusal{
		Code:   code.ReceiptsDiffer,
		Reason: fmt.Sprintf("the receipts of this manifest are not intact, so nothing was written: %v", err),
		Hint:   "vbcvault audit shows details",
	}
}
