// Package archive is what belongs to an archive as a whole, and not to a single
// recording: whose it is, its receipts, holds, erasures and catalogue, and what
// interrupted runs have left unfinished in it. It asks VBC nothing.
package archive

import (
	"context"
	"log/slog"

	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/pipeline/refusal"
	"github.com/vbcvault/vbcvault/storage"
)

// Archive is one account's recordings in a store, with the manifest that says what
// is there. There is none before all of that is settled: the manifest is the
// account's and the store's, the store is fit for use, and what it knows of receipts
// and holds the manifest knows too. Its methods aren't called at once.
type Archive struct {
	store    storage.Destination
	manifest Manifest
	log      *slog.Logger
	account  string // number
	holds    []manifest.Hold

	key       receipt.Key  // that signs the manifest's log
	own       receipt.Keys // that one alone
	signed    bool         // a checkpoint of that log was signed before
	stored    int64        // entries that were stored when this began
	keyStored bool         // the verifier lies beside the archive
	doubts    []string     // see Doubts
}

// Options say what somebody knows of an archive that settling it can't find out.
type Options struct {
	Moved        bool // the store is another one than before, on purpose
	TrustArchive bool // receipts that nobody has signed, of an earlier program, may be taken over
}

// Settle binds a manifest to an account and a store, which it probes, takes over
// what the store knows of receipts and holds, and removes what interrupted runs have
// left unfinished. After an error nothing may be stored, and it may be called again.
func Settle(
	ctx context.Context, store storage.Destination, m Manifest, log *slog.Logger, account string, o Options,
) (*Archive, error) {
	if err := m.Bind(ctx, manifest.Binding{Account: account}); err != nil {
		return nil, err
	}
	if err := identify(ctx, store, m, log, o.Moved); err != nil {
		return nil, err
	}
	a := &Archive{store: store, manifest: m, log: log, account: account}
	if err := a.openLog(ctx, o); err != nil {
		return nil, err
	}
	if err := a.reviveHolds(ctx); err != nil {
		return nil, err
	}
	holds, doubts, err := LearnHolds(ctx, store, m, log, account)
	if err != nil {
		return nil, err // without it something might be deleted that is held
	}
	a.holds, a.doubts = holds, append(a.doubts, doubts...)
	if err := a.restoreHolds(ctx); err != nil {
		return nil, err
	}
	if err := a.settleListenings(ctx); err != nil {
		return nil, err
	}
	if err := a.tidy(ctx); err != nil {
		return nil, err
	}
	return a, nil
}

// Of settles the archive of a manifest that knows whose it is.
func Of(ctx context.Context, store storage.Destination, m Manifest, log *slog.Logger) (*Archive, error) {
	bound, err := m.Binding(ctx)
	if err != nil {
		return nil, err
	}
	if bound.Account == "" {
		return nil, &refusal.Refusal{Code: code.NotBound, Reason: "this manifest has no account yet", Hint: "run vbcvault archive first"}
	}
	return Settle(ctx, store, m, log, bound.Account, Options{})
}

// Holds are all that were made, in force or not.
func (a *Archive) Holds() []manifest.Hold { return a.holds }

// identify probes the store, and binds the manifest to it.
func identify(ctx context.Context, store storage.Destination, m Manifest, log *slog.Logger, moved bool) error {
	bound, err := m.Binding(ctx)
	if err != nil {
		return err
	}
	known := bound.Identity
	if moved {
		known = ""
	}
	identity, err := store.Probe(ctx, known)
	if err != nil {
		return err
	}
	if moved && identity != bound.Identity {
		if err := m.Moved(ctx, identity); err != nil {
			return err
		}
		log.Warn("the manifest now belongs to another destination; run vbcvault verify to check that every copy is there", "before", bound.Identity, "now", identity)
	}
	return m.Bind(ctx, manifest.Binding{Identity: identity})
}
