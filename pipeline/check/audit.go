package check

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/ledger"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
)

// AuditResult is what the receipts say, and whether they can be believed. Its JSON
// is a contract.
type AuditResult struct {
	At          time.Time      `json:"at"`
	Account     string         `json:"account"`
	Destination string         `json:"destination"`
	Chain       string         `json:"chain"`
	Entries     int64          `json:"entries"`
	Head        storage.Digest `json:"head"` // SHA-256 of the last entry
	First       time.Time      `json:"first,omitzero"`
	Last        time.Time      `json:"last,omitzero"`

	// The log's checkpoint: of all its entries, signed or not.
	Origin string       `json:"origin"`
	Root   receipt.Root `json:"root"`
	Signed int64        `json:"signed"` // so many entries the last stored checkpoint vouches for
	Key    string       `json:"key"`    // verifier of the key that signs the log; "" = there is none yet

	Deleted    int64 `json:"deleted"`     // VBC confirmed the DELETE
	NotThere   int64 `json:"not_there"`   // VBC had it no more
	StillThere int64 `json:"still_there"` // VBC kept it
	NotSent    int64 `json:"not_sent"`    // the DELETE was withdrawn before it was sent
	Open       int64 `json:"open"`        // intents whose outcome isn't known yet
	Bytes      int64 `json:"bytes"`       // of audio, no longer at VBC
	Held       int64 `json:"held"`        // legal holds that were made
	Released   int64 `json:"released"`    // and removed
	Erased     int64 `json:"erased"`      // recordings that were removed from the archive on request

	Listened int64 `json:"listened"` // recordings that were played or downloaded
	Pending  int64 `json:"pending"`  // and so many more, whose receipts the next run writes

	Leases    int64  `json:"leases,omitempty"`     // under so many the log's entries were written, where machines share a database
	LastLease *Lease `json:"last_lease,omitempty"` // the last of them

	Stored  int64              `json:"stored"` // entries that the destination holds too; -1 = not looked at
	Others  []OtherChain       `json:"other_chains,omitempty"`
	Trusted []manifest.Trusted `json:"trusted,omitempty"`

	Findings []AuditFinding `json:"findings,omitempty"`
	Breaks   []string       `json:"breaks,omitempty"`  // those findings that speak against the receipts, as texts
	Remarks  []string       `json:"remarks,omitempty"` // and the others
}

// OtherChain is a log in the destination that isn't this manifest's: of another
// machine, or of a manifest that was lost.
type OtherChain struct {
	Chain   string `json:"chain"`
	Entries int64  `json:"entries"`
	Signed  int64  `json:"signed"`        // so many entries a known key vouches for
	Key     string `json:"key,omitempty"` // that key's verifier, or the name that another bears
}

// AuditFinding is one thing that an audit has found.
type AuditFinding struct {
	Code  string `json:"code"`            // one of package code's Audited or Remarked
	Wrong bool   `json:"wrong"`           // it speaks against the receipts
	Means string `json:"means"`           // for people
	Chain string `json:"chain,omitempty"` // the log that it is about
}

// Intact reports whether nothing speaks against the receipts.
func (a AuditResult) Intact() bool { return len(a.Breaks) == 0 }

// wrong adds a finding that speaks against the receipts.
func (a *AuditResult) wrong(code, chain, format string, args ...any) {
	f := AuditFinding{Code: code, Wrong: true, Means: fmt.Sprintf(format, args...), Chain: chain}
	a.Findings, a.Breaks = append(a.Findings, f), append(a.Breaks, f.Means)
}

// remark adds one that doesn't.
func (a *AuditResult) remark(code, chain, format string, args ...any) {
	f := AuditFinding{Code: code, Means: fmt.Sprintf(format, args...), Chain: chain}
	a.Findings, a.Remarks = append(a.Findings, f), append(a.Remarks, f.Means)
}

// auditor is one audit. It is used by one goroutine.
type auditor struct {
	*AuditResult
	m     Manifest
	store storage.Store // nil: only the manifest is looked at
	keys  receipt.Keys  // whose signatures count
	logs  *ledger.Ledger

	unread map[string][]layout.Bundle // of the logs, see unreadOf

	// What the manifest says of logs beside its entries. It is read before anything
	// else: a run may be adding to all of it.
	signed     receipt.Checkpoint // the last that was stored
	everSigned bool               // there is one
	storedLast int64              // entries that were stored
	tips       []manifest.Tip
	looked     bool
	taken      []manifest.Piece

	own     ownLog
	aside   aside            // what logs and rows say of recordings
	seen    []receipt.Entry  // of type Seen, in the own log and in those that a known key has signed
	covered map[string]int64 // entries of other logs that the own one has confirmed, by chain; 0 = not as it is now
	texts   []text
	holds   heldLogs
	heard   heard
	expect  []expected
}

// Audit checks what the manifest's log says, against the manifest's rows and holds,
// and with a store against all that lies there, other manifests' logs included. What
// is expected are checkpoints that somebody has kept. It changes nothing, and may be
// called while a run is using the manifest. Memory doesn't depend on how many recordings
// there are: what is said of them is sorted by recording in a temporary file, about
// 150 bytes for each, if there are more than some thousands. The error says that
// something couldn't be read, or that file not be written; receipts that can't be
// believed are no error but a finding.
func Audit(ctx context.Context, m Manifest, store storage.Store, expect ...string) (AuditResult, error) {
	bound, err := m.Binding(ctx)
	if err != nil {
		return AuditResult{}, err
	}
	now := time.Now().UTC().Truncate(time.Second)
	r := AuditResult{At: now, Account: bound.Account, Destination: bound.Destination, Stored: -1}
	a := &auditor{AuditResult: &r, m: m, store: store, covered: map[string]int64{}}
	defer a.aside.close()
	if r.Account == "" {
		a.store = nil
	}
	for _, text := range expect {
		a.expect = append(a.expect, a.parseExpected(text))
	}
	// Who reads what when matters: a run may be adding to all of it. The logs beside the
	// archive come before the manifest's own, that before its holds and rows, and what
	// was added to it meanwhile comes after those.
	for _, step := range []func(context.Context) error{
		a.readKeys, a.readManifest, a.readLogs, a.readOwn, a.compareOwn, a.compareOthers, a.compareSeen,
		a.readHolds, a.readListenings, a.compareRows, a.compareHolds, a.compareListenings, a.compareTexts, a.compareListeningTexts, a.prove,
	} {
		if err := step(ctx); err != nil {
			return r, err
		}
	}
	slices.SortStableFunc(r.Findings, func(x, y AuditFinding) int {
		if x.Wrong == y.Wrong {
			return 0
		}
		if x.Wrong {
			return -1
		}
		return 1
	})
	return r, nil
}

// readKeys finds out whose signatures count.
func (a *auditor) readKeys(ctx context.Context) (err error) {
	if a.Key, err = a.m.Verifier(ctx); err != nil {
		return err
	}
	if a.Trusted, err = a.m.Trusted(ctx); err != nil {
		return err
	}
	var texts []string
	for _, text := range append([]string{a.Key}, verifiersOf(a.Trusted)...) {
		if text == "" {
			continue
		}
		if _, err := receipt.NewKeys(text); err != nil {
			a.wrong(code.TrustedKey, "", "a key in the manifest can't be read, so its signatures don't count: %v", err)
			continue
		}
		texts = append(texts, text)
	}
	if a.keys, err = receipt.NewKeys(texts...); err != nil {
		return err
	}
	_, err = a.m.SigningKey()
	if missing, ok := errors.AsType[*manifest.KeyError](err); ok {
		if a.Key != "" {
			a.remark(code.NoKey, "", "%v; the next run needs it: put it back from a backup", missing)
		}
		return nil
	}
	return err
}

func verifiersOf(all []manifest.Trusted) (texts []string) {
	for _, t := range all {
		texts = append(texts, t.Verifier)
	}
	return texts
}

// readManifest reads what the manifest says of logs beside its entries.
func (a *auditor) readManifest(ctx context.Context) (err error) {
	if a.storedLast, err = a.m.ReceiptsStored(ctx); err != nil {
		return err
	}
	if a.tips, a.looked, err = a.m.Tips(ctx); err != nil {
		return err
	}
	if a.taken, err = a.m.TakenOver(ctx); err != nil {
		return err
	}
	c, err := a.m.Chain(ctx)
	if err != nil {
		return err
	}
	a.Chain, a.Origin = c.ID, receipt.Origin(c.ID)
	return nil
}

// readLogs reads what lies beside the archive: before the manifest's own entries, so
// that a run which adds to both isn't taken for a difference.
func (a *auditor) readLogs(ctx context.Context) (err error) {
	if a.store == nil {
		return nil
	}
	if a.logs, err = ledger.Read(ctx, a.store, a.Account, a.keys, nil); err == nil {
		a.unread = unreadOf(a.logs)
	}
	return err
}
