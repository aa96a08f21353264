package postgres

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
)

// Place is a database, and the name of one manifest in it.
type Place struct {
	Database string // its address, without a password
	Name     string // "" = none is named
}

// Is reports whether a path is the address of a database, and no file.
func Is(path string) bool {
	return strings.HasPrefix(path, "postgres://") || strings.HasPrefix(path, "postgresql://")
}

// ErrPassword says that an address has a password in it, where everybody could read it.
var ErrPassword = errors.New("there is a password in the address of the database")

// Parse reads an address such as postgres://user@host/database?manifest=NAME. All other
// settings are libpq's. It is ErrPassword (wrapped) if there is a password in it.
func Parse(path string) (Place, error) {
	u, err := url.Parse(path)
	if err != nil { // whose text might have a password in it
		return Place{}, errors.New("the address of the database can't be read; it has the form postgres://USER@HOST/DATABASE?manifest=NAME")
	}
	q, err := url.ParseQuery(u.RawQuery)
	if _, has := u.User.Password(); has || q.Has("password") || q.Has("sslpassword") {
		return Place{}, ErrPassword
	}
	if err != nil { // of which a part would be passed over, and shown
		return Place{}, errors.New("the settings in the address of the database can't be read")
	}
	p := Place{Name: q.Get("manifest")}
	q.Del("manifest")
	u.RawQuery = q.Encode()
	p.Database = u.String()
	return p, nil
}

// At is the place of another manifest in the same database.
func (p Place) At(name string) Place { return Place{p.Database, name} }

// String is the address, as Parse reads it.
func (p Place) String() string {
	if p.Name == "" {
		return p.Database
	}
	sep := "?"
	if strings.Contains(p.Database, "?") {
		sep = "&"
	}
	return p.Database + sep + "manifest=" + url.QueryEscape(p.Name)
}

// dsn is the address as pgx takes it: with TLS, and the server's name checked, unless it
// is on this machine or somebody has said otherwise.
func (p Place) dsn() (string, error) {
	u, err := url.Parse(p.Database)
	if err != nil {
		return "", fmt.Errorf("the address of the database: %w", err)
	}
	q := u.Query()
	if q.Get("sslmode") == "" && os.Getenv("PGSSLMODE") == "" && !local(u) {
		q.Set("sslmode", "verify-full")
	}
	u.RawQuery = q.Encode()
	return u.String(), nil
}

// local reports whether all servers of an address are on this machine for certain: by
// loopback or a Unix socket. What a file of services says isn't looked at.
func local(u *url.URL) bool {
	q := u.Query()
	if q.Get("service") != "" || os.Getenv("PGSERVICE") != "" {
		return false
	}
	hosts := u.Host + "," + q.Get("host")
	if hosts == "," {
		hosts = os.Getenv("PGHOST")
	}
	return !slices.ContainsFunc(strings.Split(hosts, ","), func(h string) bool {
		if host, _, err := net.SplitHostPort(h); err == nil {
			h = host
		}
		ip := net.ParseIP(strings.Trim(h, "[]"))
		return h != "" && h != "localhost" && !strings.HasPrefix(h, "/") && (ip == nil || !ip.IsLoopback())
	})
}
