package postgres

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// pool is the connections to one database, which all manifests that this program has
// open there share: so their number doesn't grow with that of the accounts.
type pool struct {
	*pgxpool.Pool
	dsn  string
	used int
}

var pools struct {
	sync.Mutex
	of map[string]*pool
}

// MaxConnections is how many connections one program has to a database, at most, unless
// its address says pool_max_conns.
const MaxConnections = 10

// pooled are the connections to a place's database, until release.
func pooled(ctx context.Context, place Place, password string) (*pool, error) {
	dsn, err := place.dsn()
	if err != nil {
		return nil, err
	}
	pools.Lock()
	defer pools.Unlock()
	key := dsn + "\n" + password
	if p := pools.of[key]; p != nil {
		p.used++
		return p, nil
	}
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	if config.MaxConns = MaxConnections; config.ConnConfig.RuntimeParams["application_name"] == "" {
		config.ConnConfig.RuntimeParams["application_name"] = "vbcvault"
	}
	if password != "" {
		config.ConnConfig.Password = password
	}
	config.ConnConfig.ConnectTimeout = 10 * time.Second
	// With PgBouncer, each transaction may come to another session: no statement may be
	// prepared in one for the next.
	config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	config.MaxConnIdleTime = time.Minute
	p, err := pgxpool.NewWithConfig(context.WithoutCancel(ctx), config)
	if err != nil {
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	if pools.of == nil {
		pools.of = map[string]*pool{}
	}
	pools.of[key] = &pool{Pool: p, dsn: key, used: 1}
	return pools.of[key], nil
}

// release gives the connections back; the last one closes them.
func (p *pool) release() {
	pools.Lock()
	defer pools.Unlock()
	if p.used--; p.used == 0 {
		delete(pools.of, p.dsn)
		p.Close()
	}
}
