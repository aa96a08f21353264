//go:build unix

package main_test

import (
	"cmp"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres/postgrestest"
)

// benchDatabase is a database for one contest.
type benchDatabase struct {
	server  *postgrestest.Server // nil = there is none
	address string
}

// cpu is what the server's processes have used until now.
func (d benchDatabase) cpu(t testing.TB) time.Duration {
	if d.server == nil {
		return 0
	}
	return d.server.Usage(t, d.address).CPU
}

// onPostgres is vbcvault with its manifest in PostgreSQL, which has its data on the disk
// as SQLite has.
func onPostgres(t testing.TB) contestant {
	start := sync.OnceValue(func() *postgrestest.Server { return postgrestest.StartIn(t, cmp.Or(*disk, os.TempDir())) })
	this := ours("vbcvault-postgres", "--fetch", "direct")
	command := this.command
	this.missing = func() string {
		if postgrestest.Installed() == "" {
			return "there is no PostgreSQL on this machine: initdb is neither in PATH nor in /usr/lib/postgresql/*/bin"
		}
		return ""
	}
	this.command = func(c *contest) *exec.Cmd {
		c.database = benchDatabase{start(), start().Database(t)}
		c.env = append(c.env, "VBCVAULT_DATABASE_URL="+c.database.address, "VBCVAULT_SIGNING_KEY="+newKey(t))
		return command(c)
	}
	return this
}
