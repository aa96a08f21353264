package main

import "testing"

// A Debian package from its first installation to the end: what its user may read and
// write, the demo by that user, a secret, an upgrade, removal and purge. What is in the
// state directory and in /etc stays until it is purged, and recordings stay even then.
func TestDebFromInstallToPurge(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	r := built(t)
	m.dpkg("--install", packageOf(t, r, "deb", ""))
	m.fresh()
	m.configure()
	m.demo()
	m.upgrade(func() { m.dpkg("--install", packageOf(t, r, "deb", "9.0.0")) }, "drwx------ root:vbcvault") // as its administrator has it
	m.remove(func() { m.dpkg("--remove", "vbcvault") })
	m.purge()
}

// A removal takes the directory of secrets if none is there, and the next installation
// makes it anew, for the same users.
func TestDebInstalledAgain(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	deb := packageOf(t, built(t), "deb", "")
	m.dpkg("--install", deb)
	m.dpkg("--remove", "vbcvault")
	m.dpkg("--install", deb)
	m.asked()
	m.is("etc/vbcvault/config.yaml", "-rw-r----- root:vbcvault")
	m.is("etc/vbcvault/secrets", "dgrwxr-x--- root:vbcvault")
}
