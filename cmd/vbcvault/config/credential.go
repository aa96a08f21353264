package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
)

// SecretsDir is where an administrator puts secrets, one in each file. The units of the
// packages hand the directory over as a whole, under the name of HandedOver.
const (
	SecretsDir = "/etc/vbcvault/secrets" //nolint:gosec // where they are, and no secret
	HandedOver = "secrets"
)

// credential is a name that systemd takes, and that leads out of no directory.
var credential = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$`)

// places are where a credential may be, the first one that exists counts. systemd calls
// a file of a directory that is handed over as a whole ID_NAME (systemd.exec(5),
// LoadCredential=, since version 250). SecretsDir itself is for commands by hand, for
// systems without credentials, and for a secret that is newer than the start of the
// service.
func (s Secret) places() (all []string) {
	if dir := os.Getenv("CREDENTIALS_DIRECTORY"); dir != "" {
		all = append(all, filepath.Join(dir, s.Credential), filepath.Join(dir, HandedOver+"_"+s.Credential))
	}
	return append(all, filepath.Join(SecretsDir, s.Credential))
}

// path is where the credential is; the last place if it is nowhere.
func (s Secret) path() (path string) {
	for _, path = range s.places() {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			return path
		}
	}
	return path
}

// handedOver reads the credential.
func (s Secret) handedOver() (string, error) {
	path := s.path()
	value, err := read(path)
	if err != nil {
		return "", errors.New("(" + path + ") " + err.Error())
	}
	return value, nil
}

// mendCredential says what to do if the credential can't be read.
func (s Secret) mendCredential() string {
	return "write the secret into " + filepath.Join(SecretsDir, s.Credential) +
		", with the group vbcvault and mode 0640, and restart the service; by hand, run the command as the service's user: sudo -u vbcvault vbcvault"
}
