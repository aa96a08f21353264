package rebuild_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/check"
	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/rebuild"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
)

func trusting(o *rebuild.Options) { o.TrustArchive = true }

// A copy is vouched for by a signed receipt that names just these objects, and by
// nothing else.
func TestOnlySignedReceiptsVouch(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	other := newKey(t)
	var copies []manifest.Copy
	for id := int64(1); id <= 6; id++ {
		audio := fmt.Sprint("audio of ", id)
		copies = append(copies, s.keep(call(id, audio, ""), audio, ""))
	}
	still := func(id int64) []receipt.Entry {
		r := call(id, "audio of 1", "")
		return []receipt.Entry{intent(r, copies[id-1]), outcome(r, receipt.StillThere)}
	}
	s.log(start("A"), &s.known, append(still(1), of(receipt.Archived, call(2, "audio of 2", ""), copies[1]))...)
	s.log(start("B"), &other, still(3)...)
	s.log(start("C"), nil, still(4)...)
	found := intent(call(5, "audio of 5", ""), copies[4])
	found.Found = true
	s.log(start("D"), &s.known, found, outcome(call(5, "audio of 5", ""), receipt.StillThere))
	m := s.rebuild()
	for id, unvouched := range []bool{false, false, true, true, true, true} {
		if row := m.row(t, int64(id+1)); row.Unvouched != unvouched || row.State != manifest.Verified {
			t.Errorf("recording %d is %s, not vouched for: %v, want %v", id+1, row.State, row.Unvouched, unvouched)
		}
	}
	if m.Unvouched != 4 || m.Receipts != 9 || m.ReceiptsSigned != 5 || m.ReceiptsForeign != 2 || m.ReceiptsUnsigned != 2 || !m.Whole() {
		t.Errorf("%+v, %+v", m.Result, m.findings)
	}
	for _, m := range []made{s.rebuild(trusting), s.rebuild(trusting, func(o *rebuild.Options) { o.Keys = nil })} {
		if m.Unvouched != 0 || slices.ContainsFunc(m.rows, func(r manifest.Row) bool { return r.Unvouched }) || !m.Whole() {
			t.Errorf("trusting the archive: %+v", m.Result)
		}
	}
	if m := s.rebuild(func(o *rebuild.Options) { o.Keys = nil }); m.Unvouched != 6 || m.ReceiptsForeign != 7 || m.ReceiptsSigned != 0 {
		t.Errorf("without a key: %+v", m.Result)
	}
}

// The copy that a signed receipt names is taken, and not a newer one that somebody
// has put beside it, with receipts or without.
func TestVouchedCopyIsTaken(t *testing.T) {
	t.Parallel()
	for _, o := range []receipt.Outcome{receipt.Deleted, receipt.StillThere} {
		s := newShelf(t)
		r := call(1, "the real audio", "")
		real := s.keep(r, "the real audio", "")
		planted := s.keep(r, "another audio!", "-0123456789abcdef")
		s.log(start("A"), &s.known, intent(r, real), outcome(r, o))
		s.log(start("B"), nil, intent(r, planted), outcome(r, receipt.Deleted), intent(r, planted), outcome(r, receipt.StillThere))
		m := s.rebuild()
		want := manifest.Verified
		if o == receipt.Deleted {
			want = manifest.Purged
		}
		if row := m.row(t, 1); row.Copy.Audio.Key != real.Audio.Key || row.Unvouched || row.State != want {
			t.Errorf("%s: %s, %+v", o, row.State, row)
		}
		if m.found(check.Beside) != 2 {
			t.Errorf("%+v", m.findings)
		}
	}
}

// Metadata that somebody has put beside vouched audio isn't vouched for with it.
func TestOtherMetadataIsNotVouchedFor(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	r := call(1, "audio", "")
	c := s.keep(r, "audio", "")
	named := c
	named.Sidecar.SHA256 = storage.SumOf([]byte("what it was"))
	s.log(start("A"), &s.known, intent(r, named), outcome(r, receipt.StillThere))
	if row := s.rebuild().row(t, 1); !row.Unvouched {
		t.Error("other metadata than the receipt names is vouched for")
	}
}

// A deletion that nobody known has signed is believed: it spares a request. One that
// was begun isn't restated, which would be to sign what it says.
func TestUnsignedDeletion(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	deleted, begun := call(1, "one", ""), call(2, "two", "")
	s.log(start("A"), nil, intent(deleted, s.keep(deleted, "one", "")), outcome(deleted, receipt.Deleted), intent(begun, s.keep(begun, "two", "")))
	m := s.rebuild()
	if row := m.row(t, 1); row.State != manifest.Purged || !row.Unvouched {
		t.Errorf("%+v", row)
	}
	if row := m.row(t, 2); row.State != manifest.Verified || !row.Unvouched {
		t.Errorf("%+v", row)
	}
	if slices.ContainsFunc(m.entries, func(e receipt.Entry) bool { return e.Audio != nil }) {
		t.Errorf("the new log vouches for a copy: %+v", m.entries)
	}
	if m := s.rebuild(trusting); m.row(t, 2).State != manifest.Purging || m.Purging != 1 {
		t.Errorf("trusting the archive: %+v", m.Result)
	}
}

// An erasure that nobody known has signed isn't believed, and is named where what it
// calls erased is here.
func TestUnsignedErasure(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	signed, stored, absent, alone := call(1, "one", ""), call(2, "two", ""), call(3, "three", ""), call(4, "four", "")
	one, two := s.keep(signed, "one", ""), s.keep(stored, "two", "")
	three := manifest.Copy{Audio: storage.Object{Key: strings.ReplaceAll(strings.ReplaceAll(one.Audio.Key, "T101600Z_1", "T101800Z_3"), "day=12/", "day=12/"),
		Content: storage.Content{Size: 5, SHA256: storage.SumOf([]byte("three"))}}, Sidecar: one.Sidecar}
	four := three
	four.Audio.Key = strings.ReplaceAll(three.Audio.Key, "T101800Z_3", "T101900Z_4")
	s.log(start("A"), &s.known, intent(signed, one), outcome(signed, receipt.Deleted))
	erased := func(r manifest.Copy, e receipt.Entry) []receipt.Entry {
		begun, done := e, e
		begun.Type, done.Type, begun.Digest = receipt.Erasing, receipt.Erased, storage.SumOf([]byte("why"))
		return []receipt.Entry{begun, done}
	}
	var forged []receipt.Entry
	forged = append(forged, erased(one, of(receipt.Erased, signed, one))...)
	forged = append(forged, erased(two, of(receipt.Erased, stored, two))...)
	forged = append(forged, intent(absent, three), outcome(absent, receipt.Deleted))
	forged = append(forged, erased(three, of(receipt.Erased, absent, three))...)
	forged = append(forged, erased(four, of(receipt.Erased, alone, four))...)
	s.log(start("B"), nil, forged...)
	m := s.rebuild()
	if row := m.row(t, 1); row.State != manifest.Purged || row.Unvouched || !row.Copy.Known() {
		t.Errorf("%+v", row)
	}
	if row := m.row(t, 2); row.State != manifest.Verified || !row.Unvouched {
		t.Errorf("%+v", row)
	}
	if len(m.rows) != 2 || m.found(check.Unsigned, "erased") != 2 || m.Whole() || m.UnsignedErasures != 4 || m.Erased != 0 || m.Lost != 0 {
		t.Errorf("%+v, %+v", m.Result, m.findings)
	}
	// Who trusts the archive takes its word.
	if m := s.rebuild(trusting); m.Erased != 4 || m.UnsignedErasures != 0 {
		t.Errorf("trusting the archive: %+v", m.Result)
	}
}

// A signed erasure is believed, and what is there again is named.
func TestSignedErasure(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	r := call(1, "one", "")
	c := s.keep(r, "one", "")
	e := of(receipt.Erased, r, c)
	s.log(start("A"), nil, e)
	s.log(start("B"), &s.known, intent(r, c), outcome(r, receipt.Deleted), of(receipt.Erasing, r, c), e)
	m := s.rebuild()
	if row := m.row(t, 1); row.State != manifest.Erased || m.found(check.Unknown, "was erased") != 2 || m.UnsignedErasures != 0 {
		t.Errorf("%s, %+v", row.State, m.findings)
	}
}

// That a copy was vouched for later, on request, says nothing of what VBC has.
func TestArchivedSaysNothingOfVBC(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	r := call(1, "one", "")
	c := s.keep(r, "one", "")
	s.log(start("A"), &s.known, intent(r, c), outcome(r, receipt.Deleted), of(receipt.Archived, r, c))
	if row := s.rebuild().row(t, 1); row.State != manifest.Purged || row.Unvouched {
		t.Errorf("%+v", row)
	}
}

// Metadata that contradicts the recording in it is named, and not used, unless a
// signed receipt has just this.
func TestMetadataThatContradictsItself(t *testing.T) {
	t.Parallel()
	self := func(path string) string {
		return `,"_links":{"self":{"href":"/t/vbc.prod/call_recording/v1/api/accounts/` + path + `"}}`
	}
	for name, c := range map[string]struct {
		more   string
		change func(*layout.Sidecar)
		audio  string
	}{
		"size":         {audio: "more than VBC has declared"},
		"account":      {more: self("7/company_call_recordings/1")},
		"kind":         {more: self("549825/users/7/call_recordings/1")},
		"content type": {change: func(s *layout.Sidecar) { s.ContentType = "audio/wav" }},
	} {
		s := newShelf(t)
		r := call(1, "as declared", c.more)
		audio, change := "as declared", func(*layout.Sidecar) {}
		if c.audio != "" {
			audio = c.audio
		}
		if c.change != nil {
			change = c.change
		}
		kept := s.keep(r, audio, "", change)
		if m := s.rebuild(); m.found(check.Damaged, kept.Sidecar.Key, "contradicts") != 1 || len(m.rows) != 0 || m.Whole() {
			t.Errorf("%s: %+v, %+v", name, m.findings, m.rows)
		}
		if m := s.rebuild(trusting); !m.Whole() || len(m.rows) != 1 {
			t.Errorf("%s, trusting the archive: %+v", name, m.findings)
		}
		// It may be all that is left of what VBC has no more.
		s.log(start("A"), nil, intent(r, kept), outcome(r, receipt.Deleted))
		if m := s.rebuild(); m.found(check.Damaged, "contradicts") != 1 || m.row(t, 1).State != manifest.Purged || !m.row(t, 1).Unvouched {
			t.Errorf("%s, deleted: %+v, %+v", name, m.findings, m.rows)
		}
		s.log(start("B"), &s.known, intent(r, kept), outcome(r, receipt.StillThere))
		if m := s.rebuild(); !m.Whole() || m.row(t, 1).Unvouched {
			t.Errorf("%s, with a signed receipt: %+v, %+v", name, m.findings, m.rows)
		}
	}
	// An honest copy beside it is taken.
	s := newShelf(t)
	r := call(1, "as declared", self("549825/company_call_recordings/1"))
	s.keep(r, "planted", "-0123456789abcdef")
	good := s.keep(r, "as declared", "")
	if m := s.rebuild(); m.row(t, 1).Copy.Audio.Key != good.Audio.Key || m.found(check.Damaged) != 1 {
		t.Errorf("%+v, %+v", m.findings, m.rows)
	}
}

// What other metadata of a call says is kept: a hold that covers any of it covers the
// recording.
func TestWhatVBCHasSaidBefore(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	first, then, last := call(1, "audio", `,"caller_id":"17325550100","extensions":["101"]`), call(1, "audio", `,"caller_id":"anonymous"`), call(1, "audio", "")
	at := func(months int) func(*layout.Sidecar) {
		return func(side *layout.Sidecar) { side.ArchivedAt = day.AddDate(0, months, 0) }
	}
	s.keep(first, "audio", "", at(1))
	s.keep(then, "audio", "-1123456789abcdef", at(2))
	s.keep(last, "audio", "-2123456789abcdef", at(3))
	row := s.rebuild().row(t, 1)
	if row.CallerID != "" || len(row.Said) != 2 || row.Said[0].CallerID != "17325550100" || !slices.Equal(row.Said[0].Extensions, []string{"101"}) ||
		row.Said[1].CallerID != "anonymous" || !row.Said[0].Start.Equal(row.Start) {
		t.Errorf("%q, and before: %+v", row.CallerID, row.Said)
	}
}

// A hold ends with its signed release alone.
func TestUnsignedReleaseLeavesAHold(t *testing.T) {
	t.Parallel()
	for _, known := range []bool{false, true} {
		s := newShelf(t)
		text := `{"nonce":"n","ids":[1],"reason":"case","by":"counsel","at":"2026-01-01T00:00:00Z"}`
		hold := storage.SumOf([]byte(text))
		end := `{"hold":"` + hold.String() + `","reason":"over","by":"counsel","at":"2026-02-01T00:00:00Z"}`
		s.put(layout.HoldKey(account, manifest.HoldText{Hold: hold}), text)
		s.put(layout.HoldKey(account, manifest.HoldText{Hold: hold, Ended: true}), end)
		added := receipt.Entry{Type: receipt.Held, Account: account, Hold: 1, Digest: hold}
		ended := receipt.Entry{Type: receipt.Released, Account: account, Hold: 1, Digest: hold, Removal: storage.SumOf([]byte(end))}
		var signer *receipt.Key
		if known {
			signer = &s.known
		}
		s.log(start("A"), signer, added, ended)
		m := s.rebuild()
		if len(m.holds) != 1 || (m.holds[0].Removed != nil) != known || m.Whole() != known || (m.found(check.Unsigned, "the hold stays in force") == 1) == known {
			t.Errorf("signed with a known key: %v; %+v, %+v", known, m.holds, m.findings)
		}
	}
}

// An archive of a program that signed nothing is honest: nothing of it is called
// wrong, and all that it has is in the manifest.
func TestArchiveWithoutSignatures(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	a, b := call(1, "one", ""), call(2, "two", "")
	s.log(start("A"), nil, intent(a, s.keep(a, "one", "")), outcome(a, receipt.Deleted))
	s.keep(b, "two", "")
	m := s.rebuild(func(o *rebuild.Options) { o.Keys = nil })
	if !m.Whole() || m.Recordings != 2 || m.Purged != 1 || m.Unvouched != 1 || m.ReceiptsUnsigned != 2 || len(m.findings) != 0 {
		t.Errorf("%+v, %+v", m.Result, m.findings)
	}
	if got := m.row(t, 1).Copy.ArchivedAt; got.IsZero() || got.After(time.Now()) {
		t.Errorf("archived at %s", got)
	}
}
