package proof

import (
	"slices"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
)

// checkStory checks that the receipts are about one recording and follow one another,
// and the copy against the last of them that vouches for one.
func (c *checker) checkStory() {
	s := storyOf(merged(c.told))
	c.checkOneRecording(s)
	c.checkOrder(s)
	c.s.Events, c.s.Summary, c.s.Erased = s.events(), s.summary(), s.erased
	var copied []Part
	switch {
	case s.erased:
	case s.voucher == nil:
		c.problem("%s: none of these vouches for a copy of the recording", receiptsName)
		return
	default:
		copied = CopyOf(s.voucher.Entry)
	}
	c.checkCopy(copied, s)
}

// checkOneRecording refuses receipts of several recordings.
func (c *checker) checkOneRecording(s story) {
	i := slices.IndexFunc(s.all, func(t told) bool { return about(t.Entry) })
	if i < 0 {
		c.problem("%s: no receipt there is about a recording", receiptsName)
		return
	}
	of := s.all[i]
	c.s.Account, c.s.Kind, c.s.Owner, c.s.ID = of.Account, of.Kind, of.Owner, of.ID
	for _, e := range s.all {
		switch {
		case !about(e.Entry) && e.Account != "" && e.Account != of.Account:
			c.problem("%s is of account %s, and others are of %s", e.file, e.Account, of.Account)
		case !about(e.Entry):
		case e.Account != of.Account || e.Key() != of.Key():
			c.problem("%s is about another recording: %s", e.file, e.Recording())
		case e.Start.IsZero():
		case c.s.Start.IsZero():
			c.s.Start = e.Start.UTC()
		case !e.Start.Truncate(time.Second).Equal(c.s.Start.Truncate(time.Second)):
			c.problem("%s is about another recording of this id, which starts at %s", e.file, utc(e.Start))
		}
	}
}

// checkOrder sees that what ends was begun.
func (c *checker) checkOrder(s story) {
	intended, erasing, held := false, false, map[storage.Digest]bool{}
	for _, e := range s.all {
		switch e.Type {
		case receipt.Intent:
			intended = true
		case receipt.Erasing:
			erasing = true
		case receipt.Held:
			held[e.Digest] = true
		case receipt.Result:
			if !intended && e.Audio == nil {
				c.problem("%s tells of the outcome of a deletion, and no receipt before it that one was started", e.file)
			}
		case receipt.Erased:
			if !erasing {
				c.problem("%s says that the recording was erased, and no receipt before it that this was started", e.file)
			}
		case receipt.Released:
			if !held[e.Digest] {
				c.problem("%s says that a hold was removed, and no receipt before it that it was added", e.file)
			}
		}
	}
}

// checkCopy compares the files of the copy with what the receipts say, and sees that
// there are no others.
func (c *checker) checkCopy(copied []Part, s story) {
	known := map[string]bool{sumsName: true, pageName: true}
	for _, p := range copied {
		name := p.Name()
		known[name] = true
		has, there := c.has[name]
		switch {
		case !copyForm.MatchString(name):
			c.problem("%s names %q, which is no name of a copy", s.voucher.file, p.Object.Key)
		case !there:
			c.problem("%s is missing: it is the %s, as %s says", name, p.What, s.voucher.file)
		case has != p.Object.Content:
			c.problem("%s is not the %s that was archived: it has %d bytes with SHA-256 %s; %s says %d bytes with %s",
				name, p.What, has.Size, has.SHA256, s.voucher.file, p.Object.Size, p.Object.SHA256)
		}
		c.s.Copy = append(c.s.Copy, CopyFile{p.What, name, p.Object.Content})
	}
	if _, there := c.has[pageName]; !there {
		c.problem("%s is missing", pageName)
	}
	for _, name := range sortedNames(c.has) {
		if !known[name] && !logForm.MatchString(name) {
			c.problem("%s does not belong to this proof", name)
		}
	}
}
