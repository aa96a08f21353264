package postgres

import (
	"net/url"
	"testing"
)

// A server that may be elsewhere is spoken to with TLS, and its name is checked, unless
// somebody has said otherwise.
func TestTLSWhereItMayBeElsewhere(t *testing.T) {
	for _, c := range []struct {
		address, host, service, mode, want string
	}{
		{"postgres://u@db.example.com/d", "", "", "", "verify-full"},
		{"postgres://u@10.0.0.7:5432/d", "", "", "", "verify-full"},
		{"postgres://u@db.example.com/d?sslmode=disable", "", "", "", "disable"},
		{"postgres://u@db.example.com/d", "", "", "require", ""}, // as the environment says
		{"postgres://u@localhost/d", "", "", "", ""},
		{"postgres://u@127.0.0.1:5432/d", "", "", "", ""},
		{"postgres://u@[::1]:5432/d", "", "", "", ""},
		{"postgres:///d?host=/run/postgresql", "", "", "", ""},
		{"postgres:///d", "", "", "", ""},
		{"postgres:///d", "db.example.com", "", "", "verify-full"},
		{"postgres:///d", "/run/postgresql,db.example.com", "", "", "verify-full"},
		{"postgres:///d", "", "elsewhere", "", "verify-full"},
		{"postgres:///d?service=elsewhere", "", "", "", "verify-full"},
		{"postgres://u@localhost,db.example.com/d", "", "", "", "verify-full"},
		{"postgres://u@127.0.0.1:1,127.0.0.1:2/d", "", "", "", ""},
		{"postgres://u@localhost/d?host=db.example.com", "", "", "", "verify-full"},
	} {
		t.Setenv("PGHOST", c.host)
		t.Setenv("PGSERVICE", c.service)
		t.Setenv("PGSSLMODE", c.mode)
		p, err := Parse(c.address)
		if err != nil {
			t.Fatal(err)
		}
		dsn, err := p.dsn()
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(dsn)
		if err != nil {
			t.Fatal(err)
		}
		if got := u.Query().Get("sslmode"); got != c.want {
			t.Errorf("%+v: sslmode %q", c, got)
		}
	}
}
