// Package service is vbcvault serve: it has the accounts of a configuration archived
// when they are due, on this machine, and may be stopped, killed and started again at
// any moment.
//
// Work is handed out by River. Nothing rests on River for safety: the manifest's lock
// keeps two runs of one account apart, and what a run has begun is in its manifest.
package service

import (
	"context"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/outcome"
	"github.com/vbcvault/vbcvault/pipeline/progress"
)

// Worker does the work: the program's own commands, with the same code. Each method
// returns when the work is done, or soon after ctx has ended, with what was begun
// saved. All may be called for several accounts at once, and for one account one after
// the other.
type Worker interface {
	// Archive does one run. watch is told once of the counts that change while it goes
	// on; it may be nil.
	Archive(ctx context.Context, a config.Account, watch func(*progress.Stats)) outcome.Outcome
	// Verify checks a sample of the copies, as vbcvault verify --sample.
	Verify(ctx context.Context, a config.Account) outcome.Outcome
	// Catalog brings the catalogue beside the archive up to date.
	Catalog(ctx context.Context, a config.Account) outcome.Outcome
	// Backup copies the manifest to a new file in Schedule.BackupTo, and removes the
	// oldest that are more than Schedule.Keep.
	Backup(ctx context.Context, a config.Account) outcome.Outcome
	// Audit compares the receipts with everything, as vbcvault audit.
	Audit(ctx context.Context, a config.Account) outcome.Outcome
}
