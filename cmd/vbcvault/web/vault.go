package web

import (
	"context"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/holding"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/story"
	"github.com/vbcvault/vbcvault/pipeline/check"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
)

// Manifest is what the page needs of an account's manifest: it reads, and it adds holds
// and listenings, and what it has found damaged, also beside a run.
type Manifest interface {
	manifest.Bound
	manifest.Rows
	manifest.Search
	manifest.Holds
	manifest.Listenings
	manifest.Chain
	manifest.Logs
	manifest.Months
	manifest.Runs
	manifest.Status
	manifest.Troubles
	manifest.Words
	check.Refuted
	story.Manifest
}

// Vault is one account that the page shows. Manifest and Store open what they return
// when they are called for the first time, and keep it; both may be called concurrently.
type Vault struct {
	Name        string // as the configuration calls it, or its number
	Destination string // URL of the archive

	// Manifest is the account's. The error is fs.ErrNotExist (wrapped) if no run has
	// made one yet.
	Manifest func(ctx context.Context) (Manifest, error)

	// Holds is where the account's manifests lie on this machine: all of them are to have
	// its holds.
	Holds holding.Machine

	// Store is where the recordings lie. The page never writes there.
	Store func(ctx context.Context) (storage.Store, error)
}
