package postgres

import (
	"database/sql"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
)

// ServiceConnections are those that vbcvault serve itself has through SQL, at most.
const ServiceConnections = 5

// SQL is the database of a path as package database/sql has it, for what lies beside the
// manifests, with up to so many connections of its own. Nothing is asked yet. The caller
// closes it.
func SQL(path string, most int, options ...Option) (*sql.DB, error) {
	place, err := Parse(path)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	dsn, err := place.dsn()
	if err != nil {
		return nil, err
	}
	pooled, err := pgxpool.ParseConfig(dsn) // an address may have settings of pools
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	config := pooled.ConnConfig
	if password := decided(options).password(); password != "" {
		config.Password = password
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "vbcvault"
	}
	config.ConnectTimeout = 10 * time.Second
	config.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe // see connections
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(most)
	db.SetMaxIdleConns(most)
	db.SetConnMaxIdleTime(time.Minute)
	return db, nil
}
