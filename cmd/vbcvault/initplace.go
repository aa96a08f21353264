package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// installed is where the deb and rpm packages have what is theirs, and whether this
// process may write there; tests have others.
var installed = struct {
	etc, state, user string
	root             bool
}{filepath.Dir(packagedConfig), packagedState, "vbcvault", os.Geteuid() == 0}

// setupPlace is where vbcvault init puts things.
type setupPlace struct {
	service bool   // it is the package's: a service reads it as another user
	file    string // the configuration
	secrets string // directory of secrets, a file each
	state   string // directory of manifests

	user, group int // of the service; -1 = whoever runs this
}

// placeFor is the package's place for root where the package is installed, else a place
// of this user's. out is a configuration file of one's own choice, "" = none: beside the
// package's it belongs to the service, too.
func placeFor(out string) (p setupPlace, err error) {
	p = setupPlace{user: -1, group: -1, file: absolute(out)}
	if u, err := user.Lookup(installed.user); err == nil && installed.root && (out == "" || filepath.Dir(p.file) == installed.etc) {
		if info, err := os.Stat(installed.etc); err == nil && info.IsDir() {
			p.service, p.user, p.group, p.state = true, number32(u.Uid), number32(u.Gid), installed.state
			p.secrets = filepath.Join(installed.etc, "secrets")
			if out == "" {
				p.file = filepath.Join(installed.etc, "config.yaml")
			}
			return p, nil
		}
	}
	if out == "" {
		dir, err := os.UserConfigDir()
		if err != nil {
			return p, usagef("name the configuration file with --out", "nowhere to keep the configuration: %v", err)
		}
		p.file = filepath.Join(dir, "vbcvault", "config.yaml")
	}
	p.secrets = filepath.Join(filepath.Dir(p.file), "secrets")
	p.state, err = stateDir()
	p.state = absolute(p.state)
	return p, err
}

// number32 is a user's or a group's number, -1 if it has none, as on Windows.
func number32(s string) int {
	if n, err := strconv.ParseInt(s, 10, 32); err == nil {
		return int(n)
	}
	return -1
}

// reference is how the configuration names a secret. The service gets its from systemd.
func (p setupPlace) reference(name string) string {
	if p.service {
		return "{credential: " + name + "}"
	}
	return "{file: " + scalarInList(p.secret(name)) + "}"
}

func (p setupPlace) secret(name string) string { return filepath.Join(p.secrets, name) }

// makeDirs makes the directories in which files are made. The service reads its secrets
// as a group that nobody else is in, so that its user's commands by hand can, too.
func (p setupPlace) makeDirs() error {
	for _, dir := range []string{filepath.Dir(p.file), p.secrets} {
		if _, err := os.Stat(dir); err == nil {
			continue
		}
		err := os.MkdirAll(dir, 0o700)
		if err == nil && p.service {
			err = errors.Join(os.Chown(dir, -1, p.group), os.Chmod(dir, 0o750)) //nolint:gosec // the service's group must enter it
		}
		if err != nil {
			return usagef("run it as a user who may write there, or choose another place with --out FILE", "%w", err)
		}
	}
	return nil
}

// writable finds out, before anybody has answered anything, whether files can be made
// where they will be.
func (p setupPlace) writable() error {
	for _, dir := range []string{filepath.Dir(p.file), p.secrets} {
		for {
			if _, err := os.Stat(dir); err == nil || filepath.Dir(dir) == dir {
				break
			}
			dir = filepath.Dir(dir) // it will be made there
		}
		trial, err := os.CreateTemp(dir, ".vbcvault-unfinished-")
		if err != nil {
			return usagef("run it as a user who may write there, or choose another place with --out FILE", "%s can't be written: %w", dir, err)
		}
		_ = errors.Join(trial.Close(), os.Remove(trial.Name()))
	}
	return nil
}

// packaged reports whether the package is installed here, and this user isn't root, who
// would set up its service.
func (p setupPlace) packaged() bool {
	if p.service || installed.root {
		return false
	}
	_, err := os.Stat(installed.etc)
	return err == nil
}

// access is who may do what with the files that init makes.
func (p setupPlace) access() accessTo {
	if p.service {
		return accessTo{mode: 0o640, user: -1, group: p.group}
	}
	return accessTo{mode: 0o600, user: -1, group: -1}
}

// has reports whether a secret is there, and whether it is this one.
func (p setupPlace) has(name, value string) (there, same bool, err error) {
	b, err := os.ReadFile(p.secret(name))
	if errors.Is(err, fs.ErrNotExist) {
		return false, false, nil
	}
	return true, string(b) == value+"\n" || string(b) == value, err
}

// keep writes a secret, which its owner alone can read, and the service's user. The file
// is whole and on disk on return. One that is there is replaced only if that is wanted.
func (p setupPlace) keep(name, value string, replace bool) error {
	there, same, err := p.has(name, value)
	if err != nil || same {
		return err
	}
	if there && !replace {
		return usagef("choose another --name, or remove the file if no configuration refers to it", "%s holds another secret; it is not replaced", p.secret(name))
	}
	return publish(p.secret(name), []byte(value+"\n"), p.access(), there)
}

// publish gives a file its content, as whole does.
func publish(path string, text []byte, to accessTo, replace bool) error {
	temp, err := os.CreateTemp(filepath.Dir(path), ".vbcvault-unfinished-")
	if err != nil {
		return usagef("run it as a user who may write there, or choose another place with --out FILE", "%w", err)
	}
	return whole(temp, path, to, replace, func(w io.Writer) error { _, err := w.Write(text); return err })
}

// handOver gives the service what the checks have made in its state directory: what is
// root's alone, the service couldn't read.
func (p setupPlace) handOver() error {
	if !p.service {
		return nil
	}
	for _, path := range []string{p.state, filepath.Join(p.state, refusedFile)} {
		info, err := os.Lstat(path)
		if err == nil && accessOf(info).user == 0 {
			err = os.Lchown(path, p.user, p.group)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("give %s to the user %s: %w", path, installed.user, err)
		}
	}
	return nil
}

// timeZone is this machine's, as configuration files name it; "" if it can't be known.
func timeZone() string {
	candidates := []string{strings.TrimPrefix(os.Getenv("TZ"), ":")}
	if b, err := os.ReadFile("/etc/timezone"); err == nil {
		candidates = append(candidates, strings.TrimSpace(string(b)))
	}
	if link, err := filepath.EvalSymlinks("/etc/localtime"); err == nil {
		_, zone, _ := strings.Cut(filepath.ToSlash(link), "/zoneinfo/")
		candidates = append(candidates, zone)
	}
	for _, zone := range candidates {
		if _, err := time.LoadLocation(zone); err == nil && zone != "" && zone != "Local" {
			return zone
		}
	}
	return ""
}
