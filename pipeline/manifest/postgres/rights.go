package postgres

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"
)

// kept are the tables from which no row is ever removed, and whether rows are changed: who
// runs archives can't take away what was written there.
var kept = map[string]bool{"receipt": false, "listening": true, "hold": true}

// onPage is what the page changes, besides which it only reads: the right to add rows, and
// to change these columns. That of lease is one that nothing goes by: who may change none
// can't lock the row, which gives changes their order.
var onPage = map[string][]string{
	"hold":      {"ended", "signed"},
	"listening": nil,
	"lease":     {"since"},
}

// rights are what a user of the database may do with the tables.
type rights struct {
	user             string
	superuser, owner bool
	tables           int
	lacks            []string // of what a run needs, as in DELETE on call
	more             []string // than a run needs
	page             bool     // enough for the page, and not for a run
}

// rightsOf looks at the rights of a connection's user.
func rightsOf(ctx context.Context, conn *pgx.Conn) (r rights, err error) {
	err = conn.QueryRow(ctx, `SELECT rolname, rolsuper, coalesce((SELECT pg_has_role(nspowner, 'USAGE') FROM pg_namespace WHERE nspname = 'vbcvault'), false)
		FROM pg_roles WHERE rolname = current_user`).Scan(&r.user, &r.superuser, &r.owner)
	if err != nil {
		return r, err
	}
	rows, err := conn.Query(ctx, `SELECT n.nspname, c.relname, p.name, coalesce(has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, p.name), false)
		FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
		CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) WITH ORDINALITY AS p(name, nth)
		WHERE n.nspname IN ('vbcvault', 'vbcvault_service', 'river') AND c.relkind IN ('r', 'p')
		ORDER BY n.nspname <> 'vbcvault', n.nspname, c.relname, p.nth`)
	if err != nil {
		return r, err
	}
	var schema, table, privilege string
	var has bool
	r.page = true
	runs := true // may do what runs need with the tables of manifests
	_, err = pgx.ForEachRow(rows, []any{&schema, &table, &privilege, &has}, func() error {
		ours := schema == "vbcvault" // the others are of vbcvault serve, whose machines write all there
		if !ours {
			table = schema + "." + table
		}
		if ours && privilege == "SELECT" {
			r.tables++
		}
		_, changes := onPage[table]
		onlyRead := strings.HasSuffix(table, "migration") // only their owner writes them
		if ours && !has && (privilege == "SELECT" || privilege == "INSERT" && changes && table != "lease") {
			r.page = false
		}
		changed, stays := kept[table]
		needed := privilege == "SELECT" || !onlyRead && (privilege == "INSERT" || privilege == "UPDATE" && (changed || !stays) || privilege == "DELETE" && !stays)
		switch {
		case needed && !has:
			r.lacks = append(r.lacks, privilege+" on "+table)
			runs = runs && !ours
		case has && !needed:
			r.more = append(r.more, privilege+" on "+table)
		}
		return nil
	})
	r.page = r.page && !runs
	return r, err
}
