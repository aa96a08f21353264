package prove

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/vbcvault/vbcvault/pipeline/archive"
	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/ledger"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/proof"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/pipeline/refusal"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// gatherer gathers the receipts about recordings.
type gatherer struct {
	store    storage.Store
	manifest Manifest
	account  string
	of       []*subject
}

// subject is one recording, and what was found about it.
type subject struct {
	account string
	row     manifest.Row
	alone   bool             // no other recording has had its id
	holds   []storage.Digest // of those that cover it, ended or not

	logs []proof.Log
	err  error // why there is no proof of it
}

// logs are the manifest's own log and those beside the archive that a known key has
// signed, as far as they have anything about each recording. Each is read twice,
// however many recordings there are.
func (g *gatherer) logs(ctx context.Context) error {
	holds, err := g.manifest.Holds(ctx)
	if err != nil {
		return err
	}
	for _, s := range g.of {
		for _, h := range holds {
			if h.Covers(s.row) {
				s.holds = append(s.holds, h.Digest)
			}
		}
	}
	own, err := g.own(ctx)
	if err != nil {
		return err
	}
	if err := g.others(ctx); err != nil {
		return err
	}
	for i, s := range g.of {
		if len(own[i].Lines) > 0 {
			s.logs = append(s.logs, own[i])
		}
	}
	return nil
}

// filters find, in the order of a log, what is about each of the recordings.
type filters struct {
	all    []*filter
	byKey  map[vbc.Key][]*filter
	byHold map[storage.Digest][]*filter
}

func (g *gatherer) filters() *filters {
	f := &filters{byKey: map[vbc.Key][]*filter{}, byHold: map[storage.Digest][]*filter{}}
	for _, s := range g.of {
		one := &filter{s: s}
		f.all = append(f.all, one)
		if s.err != nil {
			continue // nobody is to prove it
		}
		f.byKey[s.row.Key()] = append(f.byKey[s.row.Key()], one)
		for _, h := range s.holds {
			f.byHold[h] = append(f.byHold[h], one)
		}
	}
	return f
}

func (f *filters) add(e receipt.Entry) {
	of := f.byKey[e.Key()]
	switch e.Type {
	case receipt.Held, receipt.Released:
		of = f.byHold[e.Digest]
	case receipt.Signing:
		of = f.all
	}
	for _, one := range of {
		one.add(e)
	}
}

// filter finds, in the order of a log, what is about one recording.
type filter struct {
	s     *subject
	mine  bool // the last entry without a start was about it
	found []receipt.Entry
}

func (f *filter) add(e receipt.Entry) {
	if f.wants(e) {
		f.found = append(f.found, e)
	}
}

func (f *filter) wants(e receipt.Entry) bool {
	row := f.s.row
	switch {
	case e.Account != f.s.account && e.Account != "":
		return false
	case e.Type == receipt.Held || e.Type == receipt.Released:
		return slices.Contains(f.s.holds, e.Digest)
	case e.Type == receipt.Listened:
		return false // it proves nothing of the copy, and is nobody's business who gets the proof
	case e.Type == receipt.Signing:
		return len(f.found) > 0 // it tells when what was found was signed
	case e.ID == 0 || e.Key() != row.Key():
		return false
	case !e.Start.IsZero():
		return sameSecond(e.Start, row.Start)
	case f.s.alone:
		return true
	case e.Audio != nil: // of an earlier program, which wrote no start: then what it copied tells
		f.mine = e.Audio.Content == row.Copy.Audio.Content
	}
	return f.mine
}

// behind is the last entry that was found, 0 if there is none.
func (f *filter) behind() int64 {
	if len(f.found) == 0 {
		return 0
	}
	return f.found[len(f.found)-1].Seq
}

// own has, for each recording, what the manifest's log has, whether that is stored
// beside the archive yet or not: but nothing of a log that isn't what its key has signed.
func (g *gatherer) own(ctx context.Context) ([]proof.Log, error) {
	verifier, at, signed, err := g.checkpoint(ctx)
	if err != nil {
		return nil, err
	}
	f, asSigned := g.filters(), signed == nil
	var c receipt.Chain
	var tree receipt.Tree
	for line, err := range g.manifest.Receipts(ctx, 0) {
		if err != nil {
			return nil, err
		}
		e, err := c.Next(line)
		if err != nil {
			return nil, differ(err)
		}
		f.add(e)
		tree.Add(line)
		asSigned = asSigned || tree.Size() == at.Size && receipt.CheckpointOf(c.ID, tree) == at
	}
	if !asSigned {
		return nil, differ(fmt.Errorf("the log of the manifest is %s, and it was signed as %s", receipt.CheckpointOf(c.ID, tree), at))
	}
	own := ownLog{g: g, chain: c.ID, verifier: verifier, found: f, logs: make([]proof.Log, len(g.of))}
	if err := own.upTo(ctx, at, signed, func(f *filter) bool { return f.behind() <= at.Size }); err != nil {
		return nil, err
	}
	newest := func(f *filter) bool { return f.behind() > at.Size }
	if !slices.ContainsFunc(f.all, newest) {
		return own.logs, nil
	}
	now := receipt.CheckpointOf(c.ID, tree)
	signed, err = g.sign(ctx, now, signed == nil)
	if err != nil {
		for i, one := range f.all {
			if newest(one) {
				g.of[i].err = unsigned(err, g.of[i].row)
			}
		}
		return own.logs, nil
	}
	return own.logs, own.upTo(ctx, now, signed, newest)
}

// ownLog is the manifest's log, as the proofs of several recordings have it.
type ownLog struct {
	g               *gatherer
	chain, verifier string
	found           *filters
	logs            []proof.Log
}

// upTo makes the logs of those recordings up to a checkpoint.
func (o *ownLog) upTo(ctx context.Context, at receipt.Checkpoint, signed []byte, which func(*filter) bool) error {
	var some []*filter
	for _, f := range o.found.all {
		if len(f.found) > 0 && which(f) {
			some = append(some, f)
		}
	}
	if len(some) == 0 {
		return nil
	}
	logs, is, err := proven(some, at.Size, func() iter.Seq2[[]byte, error] { return o.g.manifest.Receipts(ctx, 0) })
	if err == nil && receipt.CheckpointOf(o.chain, is) != at {
		err = differ(errors.New("they change while they are read"))
	}
	if err != nil {
		return err
	}
	for i, f := range o.found.all {
		if j := slices.Index(some, f); j >= 0 {
			o.logs[i] = logs[j]
			o.logs[i].Name, o.logs[i].Verifier, o.logs[i].Checkpoint = o.chain, o.verifier, signed
		}
	}
	return nil
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
		return nil, errors.Join(err, errNeverSigned)
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

var errNeverSigned = fmt.Errorf("%w, and the log was never signed", ErrUnvouched)

// unsigned says of which recording nothing is signed.
func unsigned(err error, row manifest.Row) error {
	if errors.Is(err, ErrUnvouched) {
		return fmt.Errorf("%s: %w", row.Recording, err)
	}
	return err
}

// proven are entries with their lines and proofs in the log of so many lines, for each
// of these filters.
func proven(of []*filter, size int64, lines func() iter.Seq2[[]byte, error]) (logs []proof.Log, t receipt.Tree, err error) {
	texts, proofs := map[int64][]byte{}, map[int64]receipt.Inclusion{}
	for _, f := range of {
		for _, e := range f.found {
			texts[e.Seq] = nil
		}
	}
	seqs := slices.Sorted(maps.Keys(texts))
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
	all, t, err := receipt.Prove(keeping, size, seqs...)
	if err != nil {
		return nil, t, err
	}
	for i, seq := range seqs {
		proofs[seq] = all[i]
	}
	for _, f := range of {
		var l proof.Log
		for _, e := range f.found {
			l.Lines = append(l.Lines, proof.Line{Entry: e, Text: texts[e.Seq], Proof: proofs[e.Seq]})
		}
		logs = append(logs, l)
	}
	return logs, t, nil
}

// others adds what other logs have, as far as a known key vouches for it: those of other
// manifests, and of a lost one whose key this one goes on with.
func (g *gatherer) others(ctx context.Context) error {
	keys, err := archive.Keys(ctx, g.manifest)
	if err != nil {
		return err
	}
	own, err := g.manifest.Chain(ctx)
	if err != nil {
		return err
	}
	l, err := ledger.Read(ctx, g.store, g.account, keys, func(chain string) bool { return chain != own.ID })
	if err != nil {
		return err
	}
	for _, one := range l.Logs {
		if err := g.other(ctx, l, one); err != nil {
			return err
		}
	}
	return nil
}

func ofChain(l proof.Log, chain string) bool { return l.Lines[0].Chain == chain }

// other adds what one of these logs has.
func (g *gatherer) other(ctx context.Context, l *ledger.Ledger, one *ledger.Log) error {
	if one.Signed == 0 {
		return nil
	}
	f := g.filters()
	for line, err := range l.Lines(ctx, one) {
		if err != nil {
			return err
		}
		if !line.Signed {
			break
		}
		f.add(line.Entry)
	}
	some := slices.DeleteFunc(slices.Clone(f.all), func(f *filter) bool { return len(f.found) == 0 })
	if len(some) == 0 {
		return nil
	}
	logs, _, err := proven(some, one.Signed, func() iter.Seq2[[]byte, error] {
		return func(yield func([]byte, error) bool) {
			for line, err := range l.Lines(ctx, one) {
				if !yield(line.Text, err) {
					return
				}
			}
		}
	})
	if err != nil {
		return err
	}
	for i, has := range logs {
		s := some[i].s
		has.Verifier, has.Checkpoint, has.Name = one.Verifier, one.Checkpoint, one.Chain
		same := len(slices.DeleteFunc(slices.Clone(s.logs), func(l proof.Log) bool { return !ofChain(l, one.Chain) }))
		if same > 0 { // branches of one that forks
			has.Name = fmt.Sprintf("%s-%d", one.Chain, same+1)
		}
		s.logs = append(s.logs, has)
	}
	return nil
}

// differ refuses a log that isn't what was signed.
func differ(err error) error {
	return &refusal.Refusal{
		Code:   code.ReceiptsDiffer,
		Reason: fmt.Sprintf("the receipts of this manifest are not intact, so nothing was written: %v", err),
		Hint:   "vbcvault audit shows details",
	}
}
