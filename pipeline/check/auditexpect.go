package check

import (
	"context"
	"fmt"

	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
)

// expected is a checkpoint that somebody has kept.
type expected struct {
	receipt.Checkpoint
	text   []byte
	err    error  // it is none
	signer string // the name in its signature, "" if it isn't signed
	found  map[receipt.Root]bool
}

// parseExpected reads a checkpoint: a signed note, its text, or its one line.
func (a *auditor) parseExpected(text string) (e expected) {
	e.Checkpoint, e.err = receipt.ParseCheckpoint(text)
	e.text = []byte(text)
	e.signer, e.found = receipt.SignerOf([]byte(text)), map[receipt.Root]bool{}
	return e
}

// expects are the sizes of a chain's log at which a checkpoint is expected.
func (a *auditor) expects(chain string) map[int64]bool {
	sizes := map[int64]bool{}
	for _, e := range a.expect {
		if e.Chain() == chain {
			sizes[e.Size] = true
		}
	}
	return sizes
}

// reach remembers the root that a log has had at a size.
func (a *auditor) reach(chain string, t receipt.Tree) {
	for _, e := range a.expect {
		if e.Chain() == chain && e.Size == t.Size() {
			e.found[t.Root()] = true
		}
	}
}

// prove says of each checkpoint that somebody has kept whether its log still is what
// it was then.
func (a *auditor) prove(context.Context) error {
	for _, e := range a.expect {
		if e.err != nil {
			a.wrong(code.NotProven, "", "what is expected can't be read: %v", e.err)
			continue
		}
		if e.signer != "" {
			a.checkSigner(e)
		}
		if why := a.proves(e); why != "" {
			a.wrong(code.NotProven, e.Chain(), "the checkpoint %s is not proven: %s", e.Checkpoint, why)
		} else {
			a.remark(code.Proven, e.Chain(),
				"the checkpoint %s is proven: the first %d entries of this log are what they were then",
				e.Checkpoint, e.Size)
		}
	}
	return nil
}

// checkSigner says whose signature a kept checkpoint bears, if that isn't a known key's.
func (a *auditor) checkSigner(e expected) {
	_, _, err := a.keys.Open(e.text)
	switch {
	case err == nil:
	case a.keys.HasName(e.signer):
		a.wrong(code.WrongSignature, e.Chain(),
			"the checkpoint %s bears the name of the known key %s, which has not signed it", e.Checkpoint, e.signer)
	default:
		a.remark(code.UnknownSigner, e.Chain(),
			"the checkpoint %s is signed by an unknown key, %s: its signature proves nothing here",
			e.Checkpoint, e.signer)
	}
}

// proves says why a checkpoint isn't a former state of its log, "" if it is.
func (a *auditor) proves(e expected) string {
	if e.Chain() == a.Chain {
		return a.provesOwn(e)
	}
	last := int64(-1)
	if a.logs != nil {
		for _, g := range a.logs.Logs {
			if g.Chain == e.Chain() {
				last = max(last, g.Last)
			}
		}
	}
	switch {
	case e.found[e.Root], e.Size == 0 && e.Root == (receipt.Tree{}).Root():
		return ""
	case a.store == nil:
		return "it is of another log, which is not looked at offline"
	case last < 0:
		return "there is no such log beside the archive"
	case last < e.Size:
		return fmt.Sprintf("that log has only %d entries beside the archive", last)
	}
	return "the first entries of that log are others now"
}

func (a *auditor) provesOwn(e expected) string {
	root := a.own.at[e.Size].root
	if e.Size == 0 {
		root = receipt.Tree{}.Root()
	}
	switch {
	case e.Size > a.own.Last && e.found[e.Root]:
		return fmt.Sprintf(
			"the manifest's log has only %d entries; the archive has all of what the checkpoint says", a.own.Last)
	case e.Size > a.own.Last:
		return fmt.Sprintf("the manifest's log has only %d entries", a.own.Last)
	case root != e.Root:
		return fmt.Sprintf("the root of its first %d entries is %s", e.Size, root)
	}
	return ""
}
