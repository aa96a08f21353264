package main

import (
	"os"

	"go.yaml.in/yaml/v3"

	"github.com/vbcvault/vbcvault/storage/ownership"
)

// Where the packages for Linux put what the service needs.
const (
	packagedState  = "/var/lib/vbcvault"
	packagedConfig = "/etc/vbcvault/config.yaml"
)

// packagedUser reports whether this process runs as the user of an installed package,
// which is who the state directory belongs to, unless that is root. A command by hand,
// as in sudo -u vbcvault vbcvault status, then means the manifests and the configuration
// that the service has, and not others in its home.
func packagedUser() bool { return ownership.Is(packagedState) }

// packagedElsewhere is what to say to somebody who finds nothing, because the service of
// an installed package keeps it: "" if there is no such service, or this is its user.
func packagedElsewhere() string {
	if _, err := os.Stat(packagedState); err != nil || packagedUser() {
		return ""
	}
	return "the service of the package keeps its manifests in " + packagedState + ": sudo -u vbcvault vbcvault …"
}

// namesNeed is what to say to somebody who names an account, where no file has any.
func namesNeed() string {
	need := "names of accounts need --config FILE or VBCVAULT_CONFIG"
	if other := packagedElsewhere(); other != "" {
		need += "; " + other
	}
	return need
}

// packagedConfigPath is the configuration file of an installed package, for its user; ""
// for everybody else.
func packagedConfigPath() string {
	if _, err := os.Stat(packagedConfig); err != nil || !packagedUser() {
		return ""
	}
	return packagedConfig
}

// withoutAccounts reports whether a configuration is as a package installs it, with
// accounts still to come: whoever has used one manifest until then has not been told to
// do otherwise by it. What can't be read isn't known to be so.
func withoutAccounts(path string) bool {
	text, err := os.ReadFile(path)
	var has struct{ Accounts yaml.Node }
	return err == nil && yaml.Unmarshal(text, &has) == nil && has.Accounts.IsZero()
}
