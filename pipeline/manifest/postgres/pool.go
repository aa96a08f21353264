package postgres

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// pool is the connections to one database, which all manifests that this program has
// open there share: so their number doesn't grow with that of the accounts. Whoever reads
// for long keeps nobody from writing, and whoever waits for a lock lets no lease run out.
type pool struct {
	*pgxpool.Pool // for reading
	writes        *pgxpool.Pool
	leases        *pgxpool.Pool
	quotas        *pgxpool.Pool
	dsn           string
	used          int
}

var pools struct {
	sync.Mutex
	of map[string]*pool
}

// How many connections one program has to a database, at most. An address that says
// pool_max_conns means those for reading.
const (
	readingConnections = 6
	writingConnections = 4
	leaseConnections   = 2
	quotaConnections   = 2

	MaxConnections = readingConnections + writingConnections + leaseConnections + quotaConnections + ServiceConnections
)

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
	p := &pool{dsn: key, used: 1}
	for of, most := range map[**pgxpool.Pool]int32{&p.Pool: readingConnections, &p.writes: writingConnections, &p.leases: leaseConnections, &p.quotas: quotaConnections} {
		if *of, err = connections(ctx, dsn, password, most); err != nil {
			p.close()
			return nil, err
		}
	}
	if pools.of == nil {
		pools.of = map[string]*pool{}
	}
	pools.of[key] = p
	return p, nil
}

// connections are up to so many to a database. Each is made when it is needed.
func connections(ctx context.Context, dsn, password string, most int32) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	if most != readingConnections || !strings.Contains(dsn, "pool_max_conns=") {
		config.MaxConns = most
	}
	if config.ConnConfig.RuntimeParams["application_name"] == "" {
		config.ConnConfig.RuntimeParams["application_name"] = "vbcvault"
	}
	if password != "" {
		config.ConnConfig.Password = password
	}
	config.ConnConfig.ConnectTimeout = 10 * time.Second
	// A server that is no longer there says nothing: who waits for it finds out.
	config.ConnConfig.DialFunc = (&net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 3}}).DialContext
	// With PgBouncer, each transaction may come to another session: no statement may be
	// prepared in one for the next.
	config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	config.MaxConnIdleTime = time.Minute
	p, err := pgxpool.NewWithConfig(context.WithoutCancel(ctx), config)
	if err != nil {
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	return p, nil
}

// release gives the connections back; the last one closes them.
func (p *pool) release() {
	pools.Lock()
	defer pools.Unlock()
	if p.used--; p.used == 0 {
		delete(pools.of, p.dsn)
		p.close()
	}
}

func (p *pool) close() {
	for _, some := range []*pgxpool.Pool{p.Pool, p.writes, p.leases, p.quotas} {
		if some != nil {
			some.Close()
		}
	}
}
