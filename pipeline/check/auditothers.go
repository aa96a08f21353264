package check

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/ledger"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
)

// compareOthers looks at the logs of other manifests, and at what belongs to no log.
func (a *auditor) compareOthers(ctx context.Context) error {
	if a.store == nil {
		return nil
	}
	for _, e := range a.seen { // of the own log
		a.covered[e.Log.Chain] += 0 // it is known, whatever has become of it
		if a.logs.Has(e.Log.Chain, e.Log.Size, e.Log.Head) {
			a.covered[e.Log.Chain] = max(a.covered[e.Log.Chain], e.Log.Size)
		}
	}
	for _, g := range a.logs.Logs {
		if g.Chain != a.Chain {
			a.judge(g)
		}
		if err := a.readOther(ctx, g); err != nil {
			return err
		}
	}
	a.strays()
	for _, t := range a.tips {
		if t.Chain != a.Chain && !a.isThere(t.Chain, t.Last, t.Head) {
			a.wrong(code.OtherShorter, t.Chain,
				"destination: the log %s of another manifest had an entry %d that is missing now, or that is "+
					"another one: "+
					"it was cut off or changed", t.Chain, t.Last)
		}
	}
	return nil
}

// judge says what another manifest's log is worth.
func (a *auditor) judge(g *ledger.Log) {
	key := cmp.Or(g.Verifier, g.Claims)
	a.Others = append(a.Others, OtherChain{g.Chain, g.Last, g.Signed, key})
	rivals := 0 // other ends of the same log
	for _, o := range a.logs.Logs {
		if o.Chain == g.Chain && o != g && o.Signed > 0 {
			rivals++
		}
	}
	switch {
	case g.Signed > 0 && g.Signed < g.Last, g.Signed == 0 && rivals > 0:
		a.wrong(code.Planted, g.Chain,
			"destination: entries %d to %d of the log %s of another manifest were put there: %s",
			g.Signed+1, g.Last, g.Chain, notSigned(g))
	case g.Signed > 0 && a.forks(g):
		a.wrong(code.Fork, g.Chain, "destination: the log %s of another manifest has two ends, both signed by the same key: "+
			"that manifest was copied, or restored while its newer state was still in use", g.Chain)
	case g.Signed > 0:
	case a.familiar(g):
		a.remark(code.UnvouchedLog, g.Chain,
			"no known key vouches for the log %s of another manifest (%s entries), which was there from the "+
				"first, "+
				"or whose state this manifest's log has confirmed%s", g.Chain, fmt.Sprint(g.Last), howToTrust(g))
	default:
		a.wrong(code.UnknownLog, g.Chain,
			"destination: the log %s (%d entries) has appeared, and no known key has signed it%s",
			g.Chain, g.Last, howToTrust(g))
	}
}

// forks reports whether a log is the second of two ends that a known key has signed.
func (a *auditor) forks(g *ledger.Log) bool {
	i := slices.IndexFunc(a.logs.Logs, func(o *ledger.Log) bool { return o.Chain == g.Chain && o.Signed == o.Last })
	return i >= 0 && a.logs.Logs[i] != g
}

// familiar reports whether a log without a known signature needn't alarm anybody: it
// was there before this manifest's time, or nobody has looked yet, or the own log has
// confirmed how far it had come.
func (a *auditor) familiar(g *ledger.Log) bool {
	return !a.looked || a.covered[g.Chain] > 0 ||
		slices.ContainsFunc(a.tips, func(t manifest.Tip) bool { return t.Chain == g.Chain && t.First })
}

func howToTrust(g *ledger.Log) string {
	if g.Claims == "" {
		return ""
	}
	return "; if it is another machine's, run vbcvault manifest trust with the key that vbcvault audit --key prints there, " +
		"whose name is " + g.Claims
}

// readOther puts aside what the entries of a log say: of the own log, those that the
// manifest lacks.
func (a *auditor) readOther(ctx context.Context, g *ledger.Log) error {
	intents := openIntents{}
	var tree receipt.Tree
	wants := a.expects(g.Chain)
	for line, err := range a.logs.Lines(ctx, g) {
		if err != nil {
			return a.changed(g, err)
		}
		if len(wants) > 0 {
			if tree.Add(line.Text); wants[tree.Size()] {
				a.reach(g.Chain, tree)
			}
		}
		e, start := line.Entry, startOf(line.Entry)
		switch e.Type {
		case receipt.Intent:
			intents.open(e)
		case receipt.Result:
			start, _, _ = intents.end(e)
		case receipt.Seen:
			if line.Signed && g.Chain != a.Chain {
				a.seen = append(a.seen, e)
			}
		}
		a.noteListening(e, claim{seq: e.Seq, chain: e.Chain}, line.Signed)
		if g.Chain == a.Chain && e.Seq <= a.own.Last && !a.own.broken {
			continue // or another end's, which is named
		}
		from := source{signed: line.Signed || e.Seq <= a.covered[g.Chain]}
		if err := a.aside.tell(e, start, from, false); err != nil {
			return err
		}
		if line.Signed && from.signed {
			a.note(e, from)
		}
		a.listen(e, from)
	}
	return nil
}

// listen remembers who else says that a hold has ended.
func (a *auditor) listen(e receipt.Entry, from source) {
	if e.Type == receipt.Released && !from.signed {
		a.holds.hearsay = append(a.holds.hearsay, e)
	}
}

// changed says that a log could not be read to its end. What the store can't tell is
// an error.
func (a *auditor) changed(g *ledger.Log, err error) error {
	if broken(err) != nil {
		return err
	}
	a.wrong(code.DamagedBundle, g.Chain, "destination: %v", err)
	return nil
}

// broken is nil for an error that is about the entries of a log, and not about reading.
func broken(err error) error {
	if _, ok := errors.AsType[*receipt.Break](err); ok {
		return nil
	}
	return err
}

// compareKeyFile looks at the file that says, for people, which key signs the own log.
func (a *auditor) compareKeyFile(ctx context.Context) error {
	o, there := a.logs.Verifiers[a.Chain]
	switch {
	case !there && a.everSigned:
		a.remark(code.KeyFileMissing, a.Chain,
			"%s is missing; no program needs it, and the next run stores it again",
			layout.VerifierKey(a.Account, a.Chain))
		return nil
	case !there:
		return nil
	}
	text, err := layout.Read(ctx, a.store, o, 1<<16)
	if err != nil && !layout.Unreadable(err) && !errors.Is(err, storage.ErrCold) {
		return err
	}
	verifier := strings.TrimSpace(string(text))
	switch _, bad := receipt.NewKeys(verifier); {
	case a.Key == "" || verifier == a.Key:
	case bad != nil:
		a.remark(code.KeyFileMissing, a.Chain, "%s is damaged or in cold storage; no program needs it, and the next run stores it again", o.Key)
	default:
		a.wrong(code.KeyFile, a.Chain, "destination: %s names another key than this manifest's", o.Key)
	}
	return nil
}

// compareSeen looks whether the logs that another log has confirmed still are what they
// were then.
func (a *auditor) compareSeen(ctx context.Context) error {
	if a.store == nil {
		return nil
	}
	for _, e := range a.seen {
		log := e.Log
		if log.Chain == a.Chain {
			if err := a.compareSeenOwn(ctx, e); err != nil {
				return err
			}
			continue
		}
		if !a.isThere(log.Chain, log.Size, log.Head) {
			a.wrong(code.OtherShorter, log.Chain,
				"destination: the log %s had %d entries when entry %d of the log %s confirmed it, and is "+
					"shorter now, or another one is in its place",
				log.Chain, log.Size, e.Seq, e.Chain)
		}
	}
	return nil
}

// compareSeenOwn does so with the own log.
func (a *auditor) compareSeenOwn(ctx context.Context, e receipt.Entry) error {
	log := e.Log
	if a.own.broken || a.logs.Has(log.Chain, log.Size, log.Head) && log.Size > a.own.Last {
		return nil // which is named already
	}
	var tree receipt.Tree
	for line, err := range a.m.Receipts(ctx, 0) {
		if err != nil {
			return err
		}
		if tree.Add(line); tree.Size() == log.Size {
			break
		}
	}
	if tree.Size() != log.Size || tree.Root() != log.Root {
		a.wrong(code.LogShorter, a.Chain,
			"manifest: its log had %d entries when entry %d of the log %s confirmed it, and is shorter now, "+
				"or another one is in its place",
			log.Size, e.Seq, e.Chain)
	}
	return nil
}
