package place

import (
	"database/sql"

	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres"
)

// SQL is a database as package database/sql has it, for what lies beside the manifests,
// with up to so many connections of its own. Nothing is asked yet but the password. The
// caller closes it.
func SQL(database string, most int, o Options) (*sql.DB, error) {
	with, err := o.postgres()
	if err != nil {
		return nil, err
	}
	return postgres.SQL(database, most, with...)
}
