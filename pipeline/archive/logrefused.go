package archive

import (
	"errors"
	"fmt"

	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/pipeline/refusal"
	"github.com/vbcvault/vbcvault/storage"
)

// Why a log isn't continued, and how to mend that.

// KeyHint says how to mend that a manifest's signing key can't be had.
func KeyHint(e *manifest.KeyError) string {
	hint := "put this file back from a backup of the manifest (there it is FILE.key), or name its place with VBCVAULT_SIGNING_KEY_FILE"
	if e.File == "" {
		hint = "give every machine the same key with VBCVAULT_SIGNING_KEY or VBCVAULT_SIGNING_KEY_FILE"
		if e.Verifier == "" {
			hint += "; vbcvault manifest key makes a new one"
		}
	}
	if e.Verifier != "" {
		hint += "; the key is " + e.Verifier
	}
	return hint
}

// unsigned refuses to go on without the key.
func unsigned(err error) error {
	missing, ok := errors.AsType[*manifest.KeyError](err)
	if !ok {
		return err
	}
	return &refusal.Refusal{
		Code:   code.NoKey,
		Reason: fmt.Sprintf("%v; nothing was changed", missing),
		Hint:   KeyHint(missing) + "; if it is lost, move the manifest away with its -wal and -shm, if it has them, and make a new one with vbcvault rebuild --key " + missing.Verifier,
	}
}

// isStrange reports whether a bundle can't be what its name says.
func isStrange(err error) bool {
	_, broken := errors.AsType[*receipt.Break](err)
	return broken || layout.Unreadable(err)
}

// denied reports whether a store doesn't give an object out as long as nobody does
// something about it.
func denied(err error) bool {
	return errors.Is(err, storage.ErrCold) || errors.Is(err, storage.ErrRefused)
}

// unread says how to go on where a bundle of the manifest's own log can't be read. It
// may be what the manifest lacks, and it may be anybody's.
func unread(b layout.Bundle, err error) error {
	reason := fmt.Sprintf("receipts of this manifest's log are in the destination and can't be read, so it is unknown whether the manifest lacks them: %v", err)
	remove := ". If no vbcvault of yours has written it, remove it"
	switch {
	case errors.Is(err, storage.ErrCold):
		return &refusal.Refusal{
			Code: code.Cold, Reason: reason,
			Hint: "restore " + b.Object.Key + " from cold storage with the tools of the destination, and keep receipts/ out of rules that move it there" + remove,
		}
	case errors.Is(err, storage.ErrRefused):
		return &refusal.Refusal{Code: code.StoreRefused, Reason: reason, Hint: "allow vbcvault to read " + b.Object.Key + remove}
	}
	return err
}

// contradicted refuses a manifest that has never signed anything, as far as it knows,
// while its key has signed something else than it says.
func contradicted() error {
	return &refusal.Refusal{
		Code: code.ReceiptsChanged,
		Reason: "the receipts in this manifest are not those in the destination that its key has signed: " +
			"a copy of this manifest was in use beside it, or somebody or something has changed the manifest",
		Hint: "vbcvault audit shows details; move the manifest away with its -wal and -shm, if it has them, and make a new one with vbcvault rebuild: " +
			"nothing is lost by that",
	}
}

// changed refuses a manifest that somebody has changed.
func changed(how string) error {
	return &refusal.Refusal{
		Code:   code.ReceiptsChanged,
		Reason: how + ": somebody or something has changed the manifest",
		Hint:   "vbcvault audit shows details; restore a backup of the manifest, or move it away with its -wal and -shm, if it has them, and make a new one with vbcvault rebuild",
	}
}
