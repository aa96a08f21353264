package check

import (
	"slices"

	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/ledger"
	"github.com/vbcvault/vbcvault/storage"
)

// strays names what belongs to no log.
func (a *auditor) strays() {
	for _, s := range a.logs.Strays {
		switch text := "destination: " + s.Key + " " + s.Why; s.Kind {
		case ledger.Foreign:
			a.remark(code.NotReceipts, s.Chain, "%s", text)
		case ledger.Forged:
			a.wrong(code.Forged, s.Chain, "%s", text)
		case ledger.Damaged:
			a.wrong(code.DamagedBundle, s.Chain, "%s", text)
		case ledger.Unread: // which anybody who may write can bring about, and so can a rule of the bucket
			a.wrong(code.DamagedBundle, s.Chain, "%s; restore it from cold storage, then run vbcvault audit again", text)
		case ledger.Loose:
			switch {
			case a.isOwn(s.Key), a.behindUnread(s):
			case s.Chain == a.Chain && !a.own.broken:
				a.wrong(code.Planted, s.Chain, "%s in this manifest's log, which has no such entries: it was put there", text)
			default:
				a.wrong(code.Removed, s.Chain, "%s: what comes before it was removed, or it was put there", text)
			}
		}
	}
}

// isOwn reports whether a bundle is the manifest's, and only what comes before it is
// missing, which is named by itself.
func (a *auditor) isOwn(key string) bool {
	return slices.ContainsFunc(a.logs.Bundles, func(b layout.Bundle) bool {
		return b.Object.Key == key && b.Chain == a.Chain && a.own.at[b.Last].head == b.Head
	})
}

// unreadOf are the bundles that can't be read now, which is named, by their chains.
// Somebody may have put many there.
func unreadOf(logs *ledger.Ledger) map[string][]layout.Bundle {
	unread, all := map[string]bool{}, map[string][]layout.Bundle{}
	for _, s := range logs.Strays {
		unread[s.Key] = unread[s.Key] || s.Kind == ledger.Unread
	}
	for _, b := range logs.Bundles {
		if unread[b.Object.Key] {
			all[b.Chain] = append(all[b.Chain], b)
		}
	}
	return all
}

// behindUnread reports whether what a stray continues may be in what can't be read.
func (a *auditor) behindUnread(s ledger.Stray) bool {
	cold := a.unread[s.Chain]
	return len(cold) > 0 && slices.ContainsFunc(a.logs.Bundles, func(b layout.Bundle) bool {
		return b.Object.Key == s.Key && cold[0].Last < b.First // they are sorted by their first entries
	})
}

// isThere reports whether a log has come by an entry, or, where some of it can't be
// read, has a bundle whose name says so.
func (a *auditor) isThere(chain string, last int64, head storage.Digest) bool {
	named := func(b layout.Bundle) bool { return b.Chain == chain && b.Last == last && b.Head == head }
	return a.logs.Has(chain, last, head) || len(a.unread[chain]) > 0 && slices.ContainsFunc(a.logs.Bundles, named)
}
