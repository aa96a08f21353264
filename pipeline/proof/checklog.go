package proof

import (
	"bytes"
	"path"

	"github.com/vbcvault/vbcvault/pipeline/receipt"
)

// checkLogs checks the receipts of each log. Only what is proven to be in it counts
// from here on.
func (c *checker) checkLogs() {
	if len(c.logs) == 0 {
		c.problem("%s is missing: there are no receipts", receiptsName)
	}
	for _, name := range sortedNames(c.logs) {
		in, l := path.Join(receiptsName, name), c.logs[name]
		for _, file := range sortedNames(l.others) {
			if file != checkpointName && file != keyName {
				c.problem("%s does not belong to a proof", path.Join(in, file))
			}
		}
		checkpoint, ok := c.small(path.Join(in, checkpointName), maxSmall)
		if !ok {
			continue
		}
		at, verifier, err := c.keys.Open(checkpoint)
		if err != nil {
			c.problem("%s: no key that you have given has signed it; it says that %q has", path.Join(in, checkpointName), receipt.SignerOf(checkpoint))
			continue
		}
		c.checkKey(path.Join(in, keyName), verifier)
		var all []told
		for _, number := range l.entries {
			if e, ok := c.entry(path.Join(in, number), at, checkpoint); ok {
				all = append(all, e)
			}
		}
		if len(l.entries) == 0 {
			c.problem("%s has no receipts", in)
		}
		c.told = append(c.told, all)
		c.s.Logs = append(c.s.Logs, CheckedLog{at.Chain(), at.Size, at.Root.String(), verifier, len(all)})
	}
}

// checkKey compares the key that is beside a log with the one that has signed it.
func (c *checker) checkKey(name, verifier string) {
	if text, ok := c.small(name, maxSmall); ok && string(text) != verifier+"\n" {
		c.problem("%s is another key than the one that has signed the log", name)
	}
}

// entry checks one receipt, by the name of its files without an ending.
func (c *checker) entry(name string, at receipt.Checkpoint, checkpoint []byte) (t told, ok bool) {
	file := name + entryEnding
	text, there := c.small(file, maxSmall)
	proof, proven := c.small(name+proofEnding, maxSmall)
	if !there || !proven {
		return t, false
	}
	p, signed, err := parseProof(proof)
	if err != nil {
		c.problem("%s: %v", name+proofEnding, err)
		return t, false
	}
	if !bytes.Equal(signed, checkpoint) {
		c.problem("%s has another checkpoint than the file %s beside it", name+proofEnding, checkpointName)
		return t, false
	}
	e, err := parseLine(text)
	switch {
	case err != nil:
		c.problem("%s: %v", file, err)
	case e.Chain != at.Chain():
		c.problem("%s is of the log %s, and the checkpoint beside it of %s", file, e.Chain, at.Origin)
	case Line{Entry: e}.name() != path.Base(name), p.Index != e.Seq-1:
		c.problem("%s is entry %d, and its name or its proof says another number", file, e.Seq)
	case p.Check(at, text) != nil:
		c.problem("%s: %v, as the proof %s has it", file, receipt.ErrNotIncluded, name+proofEnding)
	default:
		return told{e, file}, true
	}
	return t, false
}
