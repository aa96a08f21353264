package postgres

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
)

// The versions of PostgreSQL that are tried; others may work.
const (
	oldestServer = 14
	newestServer = 17
)

// maxClock is how far the database's clock may be off from this machine's. No lease goes
// by their difference; times that people compare do.
const maxClock = 10 * time.Second

// Diagnose looks at everything that machines which share a database rely on, and changes
// nothing. path needs to name no manifest. What can't be looked at is a finding.
func Diagnose(ctx context.Context, path string, options ...Option) []storage.Finding {
	const check = "database"
	m, err := connect(ctx, path, options)
	if err != nil {
		return []storage.Finding{failure(check, err.Error(), "write the address as postgres://USER@HOST/DATABASE; the password has a place of its own")}
	}
	defer func() { _ = m.Close() }() // nothing was written
	patience, stop := context.WithTimeout(ctx, 15*time.Second)
	defer stop()
	c, err := m.db.Acquire(patience)
	if err != nil {
		return []storage.Finding{failure(check, "it can't be reached at "+m.place.String()+": "+unreached(err), mendReach(err))}
	}
	defer c.Release()
	d := diagnosis{ctx: ctx, conn: c.Conn()}
	d.add(storage.OK, check, "reached at "+m.place.String(), "")
	for _, look := range []func() error{d.version, d.encryption, d.standby, d.durability, d.clock, d.timeouts, d.room, d.format, d.rights} {
		if err := look(); err != nil {
			d.add(storage.Failure, check, "a question was not answered: "+explained(err).Error(), "see the log of the database server")
			break
		}
	}
	return d.found
}

func failure(check, means, mend string) storage.Finding {
	return storage.Finding{Check: check, Level: storage.Failure, Means: means, Mend: mend}
}

// unreached is why no connection came about; pgx's own error has the address a second time.
func unreached(err error) string {
	if e, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		err = errors.Unwrap(e)
	}
	return strings.Join(strings.Fields(err.Error()), " ")
}

// mendReach says what to do about a connection that did not come about.
func mendReach(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch e.Code {
		case "28P01", "28000":
			return "check the user and the password of the database (VBCVAULT_DATABASE_PASSWORD_FILE, or database: password in the configuration file), and the server's pg_hba.conf"
		case "3D000":
			return "create the database: vbcvault help machines"
		case "53300":
			return "raise max_connections, or use PgBouncer: vbcvault help machines"
		}
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return "check the name of the host in the address"
	}
	if strings.Contains(err.Error(), "refused TLS") {
		return "turn TLS on at the server: ssl = on, with a certificate; sslmode=disable in the address is for a network that nobody else is on"
	}
	if strings.Contains(err.Error(), "certificate") || strings.Contains(err.Error(), "TLS") {
		return "add sslrootcert=FILE with the CA of the server to the address, and use the name that its certificate has"
	}
	return "check the address, and that the server is running and lets this machine connect"
}

// Advice says how to mend that a database can't be reached, or refuses what it was asked
// for. "" means that err is about something else.
func Advice(err error) string {
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return mendReach(err)
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.Code == "42501" {
		return "use the user that vbcvault help machines names for this, or run its GRANT statements again, as the owner of the tables"
	}
	return ""
}

// diagnosis is a look at one database, by one connection.
type diagnosis struct {
	ctx   context.Context
	conn  *pgx.Conn
	found []storage.Finding
}

func (d *diagnosis) add(level storage.Level, check, means, mend string) {
	d.found = append(d.found, storage.Finding{Check: check, Level: level, Means: means, Mend: mend})
}

func (d *diagnosis) show(setting string) (value string, err error) {
	err = d.conn.QueryRow(d.ctx, "SELECT coalesce(current_setting($1, true), '')", setting).Scan(&value)
	return value, err
}

func (d *diagnosis) version() error {
	const check = "database version"
	var number int
	if err := d.conn.QueryRow(d.ctx, "SELECT current_setting('server_version_num')::int").Scan(&number); err != nil {
		return err
	}
	switch major := number / 10000; {
	case major < oldestServer:
		d.add(storage.Failure, check, fmt.Sprintf("PostgreSQL %d is too old", major), fmt.Sprintf("upgrade it to PostgreSQL %d to %d", oldestServer, newestServer))
	case major > newestServer:
		d.add(storage.Warning, check, fmt.Sprintf("PostgreSQL %d: this version of vbcvault is tested with %d to %d", major, oldestServer, newestServer), "use one of these, or a newer vbcvault")
	default:
		d.add(storage.OK, check, fmt.Sprintf("PostgreSQL %d", major), "")
	}
	encoding, err := d.show("server_encoding")
	if err == nil && encoding != "UTF8" {
		d.add(storage.Failure, "database encoding", "the database has the encoding "+encoding+", which can't hold all names of callers", "create the database with ENCODING 'UTF8'")
	}
	return err
}

// encryption looks at this connection. What is behind a proxy, nobody sees from here.
func (d *diagnosis) encryption() error {
	const check = "database encryption"
	config := d.conn.Config()
	_, encrypted := d.conn.PgConn().Conn().(*tls.Conn)
	switch {
	case strings.HasPrefix(config.Host, "/") || config.Host == "localhost" || net.ParseIP(config.Host).IsLoopback():
		d.add(storage.OK, check, "none is needed: the database is on this machine", "")
	case !encrypted:
		d.add(storage.Warning, check, "the connection is not encrypted: who listens on the network reads what is known of all calls", "remove sslmode from the address; the server needs ssl = on")
	case config.TLSConfig != nil && config.TLSConfig.InsecureSkipVerify && config.TLSConfig.VerifyPeerCertificate == nil:
		d.add(storage.Warning, check, "the connection is encrypted, but nobody checks that it leads to the right server", "remove sslmode from the address, and add sslrootcert=FILE if the CA is your own")
	default:
		d.add(storage.OK, check, "TLS, and the server's certificate is checked", "")
	}
	return nil
}

func (d *diagnosis) standby() error {
	const check = "database standby"
	var standby bool
	var replicas int
	err := d.conn.QueryRow(d.ctx, "SELECT pg_is_in_recovery(), (SELECT count(*) FROM pg_stat_replication)").Scan(&standby, &replicas)
	if err != nil {
		return err
	}
	waitsFor, err := d.show("synchronous_standby_names")
	switch {
	case err != nil:
		return err
	case standby:
		d.add(storage.Failure, check, "this server is a standby: it takes no changes", "name the primary in the address; several hosts may be named with target_session_attrs=read-write")
	case replicas > 0 && waitsFor == "":
		d.add(storage.Warning, check, fmt.Sprintf("the server has %d standbys and waits for none of them: after a failover the latest changes may be missing. "+
			"Nothing is lost then, but everything that was not deleted yet is verified again before it is", replicas),
			"set synchronous_standby_names on the server, as in 'ANY 1 (*)'")
	case waitsFor != "":
		d.add(storage.OK, check, "the server confirms a change when a standby has it too: synchronous_standby_names = "+waitsFor, "")
	default:
		d.add(storage.OK, check, "this server is the primary, and has no standby", "")
	}
	return nil
}

// durability looks whether what the server calls committed survives a power failure.
func (d *diagnosis) durability() error {
	const check = "database durability"
	var lost []string
	for _, s := range []string{"fsync", "full_page_writes", "synchronous_commit"} {
		value, err := d.show(s)
		if err != nil {
			return err
		}
		if value == "off" {
			lost = append(lost, s)
		}
	}
	if len(lost) > 0 {
		d.add(storage.Failure, check, strings.Join(lost, " and ")+" is off: a power failure may take away what the server has confirmed, and damage the database",
			"turn it on, in postgresql.conf or for the user of the database: ALTER ROLE … SET")
		return nil
	}
	d.add(storage.OK, check, "what the server confirms is on its disk", "")
	return nil
}

// clock compares the database's clock with this machine's in the middle of the question.
func (d *diagnosis) clock() error {
	const check = "database clock"
	var theirs time.Time
	asked := time.Now()
	if err := d.conn.QueryRow(d.ctx, "SELECT clock_timestamp()").Scan(&theirs); err != nil {
		return err
	}
	took := time.Since(asked)
	off := theirs.Sub(asked.Add(took / 2)).Round(time.Millisecond)
	if off.Abs() > maxClock+took/2 {
		d.add(storage.Warning, check, fmt.Sprintf("%v away from this machine's: leases are safe, but times in logs and receipts don't fit together", off.Abs()), "have both machines set their clocks by NTP")
		return nil
	}
	d.add(storage.OK, check, fmt.Sprintf("within %v of this machine's", (off.Abs()+took/2).Round(time.Millisecond)+time.Millisecond), "")
	return nil
}

// timeouts looks for one that ends what takes longer for good reason.
func (d *diagnosis) timeouts() error {
	for _, setting := range []string{"statement_timeout", "lock_timeout"} {
		var brief bool
		err := d.conn.QueryRow(d.ctx, "SELECT setting::bigint BETWEEN 1 AND 29999 FROM pg_settings WHERE name = $1", setting).Scan(&brief)
		if err != nil {
			return err
		}
		if brief {
			value, err := d.show(setting)
			if err != nil {
				return err
			}
			d.add(storage.Warning, "database timeouts", setting+" is "+value+": a search, an audit or a backup of a long history may be ended by it, and has to be started again",
				"ALTER ROLE … SET "+setting+" = '5min', or 0")
		}
	}
	return nil
}

// room looks whether there are connections left for several machines.
func (d *diagnosis) room() error {
	const check = "database connections"
	var most, limit, used int
	err := d.conn.QueryRow(d.ctx, `SELECT current_setting('max_connections')::int, (SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user),
		(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')`).Scan(&most, &limit, &used)
	if err != nil {
		return err
	}
	if limit >= 0 {
		most = min(most, limit)
	}
	means := fmt.Sprintf("at most %d, %d in use; each machine uses up to %d", most, used, MaxConnections)
	if most < 3*MaxConnections {
		d.add(storage.Warning, check, means, "raise max_connections, or the user's CONNECTION LIMIT, for as many machines as you have")
		return nil
	}
	d.add(storage.OK, check, means, "")
	return nil
}

func (d *diagnosis) format() error {
	const check = "database format"
	const mend = "run vbcvault manifest upgrade as the user who owns the tables"
	is, err := formatOf(d.ctx, d.conn)
	switch {
	case errors.Is(err, manifest.ErrNewer):
		d.add(storage.Failure, check, err.Error(), "install the version of vbcvault that is named")
	case err != nil:
		return err
	case is == 0:
		d.add(storage.Failure, check, "vbcvault has no tables here", mend)
	case is < Format():
		d.add(storage.Failure, check, fmt.Sprintf("the tables are of format %d, and this vbcvault needs %d", is, Format()), mend)
	default:
		d.add(storage.OK, check, fmt.Sprintf("the tables are of format %d", is), "")
	}
	return nil
}

// rights looks at what the user of the connection may do.
func (d *diagnosis) rights() error {
	const check = "database rights"
	r, err := rightsOf(d.ctx, d.conn)
	switch {
	case err != nil:
		return err
	case r.tables == 0:
		return nil // what is about their format has said it
	case r.superuser:
		d.add(storage.Warning, check, r.user+" is a superuser, who may do anything with all databases of the server", "use a user who may only change rows: vbcvault help machines")
	case len(r.lacks) > 0 && r.page:
		d.add(storage.Failure, check, r.user+" may look at calls, hold them and note who has listened: enough for the page, and not for a run",
			"use the user of the machines for runs: vbcvault help machines")
	case len(r.lacks) > 0:
		d.add(storage.Failure, check, r.user+" lacks rights: "+brief(r.lacks), "run the GRANT statements of vbcvault help machines again, as the owner of the tables")
	case r.owner:
		d.add(storage.Warning, check, r.user+" owns the tables, and may change and remove them", "use a user who may only change rows: vbcvault help machines")
	case len(r.more) > 0:
		d.add(storage.Warning, check, r.user+" may do more than a run needs: "+brief(r.more), "REVOKE it: vbcvault help machines")
	default:
		d.add(storage.OK, check, cmp.Or(r.user, "the user")+" may do what runs need, and nothing else", "")
	}
	return nil
}

// brief are the first of many.
func brief(all []string) string {
	const most = 5
	if len(all) > most {
		return strings.Join(all[:most], ", ") + fmt.Sprintf(" and %d more", len(all)-most)
	}
	return strings.Join(all, ", ")
}
