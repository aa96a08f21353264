package place

import (
	"context"
	"database/sql"
	"errors"

	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres"
)

// ServiceConnections are those that vbcvault serve itself has through SQL, at most.
const ServiceConnections = postgres.ServiceConnections

// QuotaGroup is what is known of the quota of a group of clients at VBC.
type QuotaGroup = postgres.QuotaGroup

// Quotas are those of all groups that a database knows of.
func Quotas(ctx context.Context, database string, o Options) ([]QuotaGroup, error) {
	with, err := o.postgres()
	if err != nil {
		return nil, err
	}
	c, err := postgres.OpenCommon(ctx, database, with...)
	if err != nil {
		return nil, err
	}
	all, _, err := c.Quotas(ctx)
	return all, errors.Join(err, c.Close())
}

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
