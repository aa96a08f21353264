package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
)

// configVariable names the configuration file where no flag does.
const configVariable = "VBCVAULT_CONFIG"

// usualConfig is the configuration file where no flag names one: that of VBCVAULT_CONFIG,
// else the package's; "" if there is none.
func usualConfig() string {
	return cmp.Or(os.Getenv(configVariable), packagedConfigPath())
}

// usualAccounts is usualConfig for commands that are about one manifest where there is no
// file: a package's without accounts is none to them.
func usualAccounts() string {
	path := usualConfig()
	if os.Getenv(configVariable) == "" && withoutAccounts(path) {
		return ""
	}
	return path
}

// configPath is the configuration file that is meant: the one that is given, else that of
// VBCVAULT_CONFIG, else for a package's user the package's. No other file counts because
// it lies somewhere: whoever has none, and finds one that somebody has left, would run
// what is in it.
func configPath(given string) (string, error) {
	if given != "" {
		return given, nil
	}
	if path := usualConfig(); path != "" {
		return path, nil
	}
	return "", usagef("name it, or set "+configVariable+"; vbcvault config init makes one", "no configuration file is given")
}

// loadConfig reads a configuration file.
func loadConfig(path string) (*config.Config, error) {
	c, err := config.Load(path, configFlags)
	if err != nil {
		return nil, usagef("vbcvault help config explains each key; vbcvault config check checks the file", "%w", err)
	}
	return c, nil
}

// configFlags are the flags of archive as a configuration file takes them.
func configFlags() *pflag.FlagSet { return archiveFlagSet(&archiveFlags{}) }

// Mend is how to mend it, as package config asks for it.
func (e *usageError) Mend() string { return e.hint }

// checkEach has flags refuse what they can't be, one by one, so that a file's mistakes are
// found together and each with its line. What flags have to do with each other, the job
// finds.
func checkEach(fs *pflag.FlagSet) {
	one := func(check func(flag, s string) error) func(string) func(string) error {
		return func(name string) func(string) error { return func(s string) error { return check(name, s) } }
	}
	age := one(func(flag, s string) error { _, err := parseAge(flag, s); return err })
	moment := one(func(flag, s string) error { _, err := parseMoment(flag, s); return err })
	list := func(check func([]string) error) func(string) func(string) error {
		return one(func(_, s string) error { return check(strings.Split(s, ",")) })
	}
	for name, check := range map[string]func(string) func(string) error{
		"older-than": age, "delete-after": age, "full-scan-every": age, "before": moment, "since": moment,
		"to":       one(func(flag, s string) error { _, err := parsePlace(flag, s); return err }),
		"account":  one(func(_, s string) error { return parseAccount(s) }),
		"rate":     one(func(_, s string) error { _, err := parseRate(s); return err }),
		"max-wait": one(func(_, s string) error { _, err := parseWait(s); return err }),
		"retain":   one(func(_, s string) error { _, err := parsePeriod(s); return err }),
		"kind":     list(func(s []string) error { _, err := parseKinds(s); return err }),
		"users":    list(parseUsers),
		"tag":      one(func(_, s string) error { _, err := parseTags([]string{s}); return err }),
	} {
		flag := fs.Lookup(name)
		if several, ok := flag.Value.(pflag.SliceValue); ok {
			flag.Value = checkedList{checkedFlag{flag.Value, check(name)}, several}
		} else {
			flag.Value = checkedFlag{flag.Value, check(name)}
		}
	}
}

// checkedFlag refuses what its flag can't be.
type checkedFlag struct {
	pflag.Value
	check func(string) error
}

func (f checkedFlag) Set(s string) error {
	if err := f.check(s); err != nil {
		return err
	}
	return f.Value.Set(s)
}

// checkedList is checkedFlag for a list.
type checkedList struct {
	checkedFlag
	pflag.SliceValue
}

var namedFlag = regexp.MustCompile(`--([a-z][a-z-]*)`)

// locatedError is a mistake in an account's flags, with its place in the file.
type locatedError struct {
	path, key, account string
	line               int
	err                *usageError
}

func (e *locatedError) Error() string {
	return fmt.Sprintf("%s: %s: account %s: %v", config.At(e.path, e.line), e.key, e.account, e.err)
}
func (e *locatedError) Unwrap() error { return e.err }

// located says where in the file a mistake of the account's flags stands: at the first
// flag that the message names and the file sets.
func (c configured) located(err error) error {
	e, ok := errors.AsType[*usageError](err)
	if !ok || strings.HasPrefix(err.Error(), c.path) {
		return err
	}
	l := &locatedError{path: c.path, key: "accounts." + c.Name, account: c.Name, line: c.Line, err: e}
	for _, m := range namedFlag.FindAllStringSubmatch(err.Error(), -1) {
		if i := slices.IndexFunc(c.Flags, func(f config.Flag) bool { return f.Name == m[1] }); i >= 0 {
			l.line, l.key = c.Flags[i].Line, c.Flags[i].Key
			break
		}
	}
	return l
}
