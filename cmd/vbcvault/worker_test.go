package main

import (
	"testing"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
)

// Work of an account that a reload has just removed, or not yet brought, has its manifest
// where all others have theirs: a second one elsewhere would know of no holds.
func TestWorkerOfAnAccountBesideTheFile(t *testing.T) {
	t.Parallel()
	a, b := config.Account{Name: "a"}, config.Account{Name: "b"}
	c := &config.Config{Path: "file", StateDir: t.TempDir(), Accounts: []config.Account{a}}
	w := &worker{}
	w.use(c)
	for range 2 {
		for _, account := range []config.Account{a, b} {
			is := w.of(account)
			if is.Name != account.Name || is.state != c.StateDir || is.path != "file" || is.shared == nil {
				t.Errorf("%+v", is)
			}
		}
		w.use(&config.Config{Path: "file", StateDir: c.StateDir, Accounts: []config.Account{b}})
	}
}

// However often the file is read anew, what bounds the memory of all accounts is one.
func TestReloadsShareTheirMemory(t *testing.T) {
	t.Parallel()
	a := config.Account{Name: "a"}
	w := &worker{}
	w.use(&config.Config{Accounts: []config.Account{a}})
	pool := w.of(a).shared.parts
	w.use(&config.Config{Accounts: []config.Account{a, {Name: "b"}}})
	if w.of(a).shared.parts != pool {
		t.Error("another pool after a reload")
	}
	w.use(&config.Config{AccountsAtOnce: 3, Accounts: []config.Account{a}})
	if is := w.of(a).shared; is.parts != pool || is.atOnce != 3 {
		t.Errorf("%d accounts at once", is.atOnce)
	}
}
