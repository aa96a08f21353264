package place

import (
	"context"

	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres"
	"github.com/vbcvault/vbcvault/storage"
)

// Diagnose looks at everything that machines rely on which share a database, and changes
// nothing. path may name a manifest there or none. Of a file there is nothing to be said.
func Diagnose(ctx context.Context, path string, o Options) []storage.Finding {
	if !InDatabase(path) {
		return nil
	}
	options, err := o.postgres()
	if err != nil {
		return []storage.Finding{{Check: "database", Level: storage.Failure, Means: err.Error(), Mend: "check where the password of the database is"}}
	}
	return postgres.Diagnose(ctx, path, options...)
}

// Advice says how to mend that a database can't be reached, or refuses what it was asked
// for. "" means that err is about something else.
func Advice(err error) string { return postgres.Advice(err) }
