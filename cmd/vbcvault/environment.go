package main

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/vbcvault/vbcvault/pipeline/manifest/place"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage/ownership"
	"github.com/vbcvault/vbcvault/storage/s3store"
	"github.com/vbcvault/vbcvault/vbc"
)

const environmentHelp = `Environment:
  VBC_USERNAME, VBC_PASSWORD            a VBC integration user
  VBC_CLIENT_ID, VBC_CLIENT_SECRET      an application of the developer portal
  VBC_API_URL         address of the API (default https://api.vonage.com)
  VBC_API_ROOT        path of the call recording API
                      (default /t/vbc.prod/call_recording/v1/api)
  VBC_TOKEN_URL       address of the tokens, if it is not /token at VBC_API_URL
                      (accounts of resellers may have their own)
  VBC_PROVISIONING_CLIENT_ID, VBC_PROVISIONING_CLIENT_SECRET
                      a second application, if the first one isn't subscribed to
                      the Provisioning API
      Each VBC_... also as VBC_..._FILE, the path of a file with the value.
  AWS_*               the standard AWS credentials, profiles, roles and region
  AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL   a compatible server instead of AWS
  AWS_CA_BUNDLE, SSL_CERT_FILE, HTTPS_PROXY   certificates and proxy
  VBCVAULT_STATE_DIR  directory of manifests (default $XDG_STATE_HOME/vbcvault,
                      else ~/.local/state/vbcvault; for the user of a package
                      /var/lib/vbcvault)
  VBCVAULT_CONFIG     the configuration file, for commands that need one and get no
                      --config; archive and status use it only if you name
                      accounts (archive also with --all). The user of a package has
                      /etc/vbcvault/config.yaml
  VBCVAULT_SIGNING_KEY  the key that signs receipts, if it is not in the file
                      MANIFEST.key; also as VBCVAULT_SIGNING_KEY_FILE
  VBCVAULT_DATABASE_URL, VBCVAULT_DATABASE_PASSWORD
                      a database of PostgreSQL in which manifests lie instead of
                      the state directory, as in postgres://USER@HOST/DATABASE,
                      and its password; each also as …_FILE. Its manifests need
                      VBCVAULT_SIGNING_KEY. See vbcvault help machines
  VBCVAULT_MACHINE    what other machines call this one (default: its host name)
  VBCVAULT_QUOTA_GROUP  the name of a request quota at VBC, which all runs with this
                      name share in the database (default: one for each
                      application, by VBC_CLIENT_ID)`

// surroundings are where a run takes from what is no flag: the environment, or an
// account of a configuration file.
type surroundings struct {
	// setting is the value of one of the names of environmentHelp, "" if there is none.
	setting func(name string) (string, error)
	// stateDir is where manifests lie unless --manifest says otherwise.
	stateDir func() (string, error)
	// aws is how to reach S3; nil is the standard chain.
	aws func(ctx context.Context) (*s3store.Access, error)
	// missing is what to do about settings that are missing; "" = set them in the environment.
	missing string

	// handsOver: whoever uses this gives the owner of the state directory what root has
	// made there.
	handsOver bool

	// What the accounts of one process share; nil: this one is alone.
	parts *s3store.Share // buffers for parts of large recordings
	bound *bindings      // which manifests are other accounts'
	cache int            // bytes of the manifest that each connection keeps; 0 = as SQLite does
}

// environment is what the process was started in.
func environment() surroundings { return surroundings{setting: setting, stateDir: stateDir} }

// vbcOptions reads what is set about VBC. All that is missing is named at once.
func (a surroundings) vbcOptions() (vbc.Options, error) {
	o := vbc.Options{UserAgent: "vbcvault/" + programVersion()}
	var missing []string
	for _, v := range []struct {
		name     string
		to       *string
		required bool
	}{
		{"VBC_API_URL", &o.URL, false},
		{"VBC_API_ROOT", &o.Root, false},
		{"VBC_TOKEN_URL", &o.TokenURL, false},
		{"VBC_PROVISIONING_CLIENT_ID", &o.ProvisioningClientID, false},
		{"VBC_PROVISIONING_CLIENT_SECRET", &o.ProvisioningClientSecret, false},
		{"VBC_USERNAME", &o.Username, true},
		{"VBC_PASSWORD", &o.Password, true},
		{"VBC_CLIENT_ID", &o.ClientID, true},
		{"VBC_CLIENT_SECRET", &o.ClientSecret, true},
	} {
		var err error
		if *v.to, err = a.setting(v.name); err != nil {
			return vbc.Options{}, err
		}
		if v.required && *v.to == "" {
			missing = append(missing, v.name)
		}
	}
	if len(missing) > 0 {
		return vbc.Options{}, usagef(cmp.Or(a.missing, "set each of them, or name a file with its value, as in "+missing[0]+"_FILE=/path"),
			"not set: %s", strings.Join(missing, ", "))
	}
	if (o.ProvisioningClientID == "") != (o.ProvisioningClientSecret == "") {
		return vbc.Options{}, usagef("set both, or neither to use VBC_CLIENT_ID for both APIs", "only one of VBC_PROVISIONING_CLIENT_ID and VBC_PROVISIONING_CLIENT_SECRET is set")
	}
	return o, nil
}

// newClient makes a client that remembers refused logins beside the manifest. If that lies
// in a database, all that use it share them, and the quota.
func (a surroundings) newClient(o vbc.Options, manifest string) (*vbc.Client, error) {
	near, err := a.near(manifest)
	if err != nil {
		return nil, err
	}
	if err := ownership.Fit(near); err != nil && !a.handsOver { // refused logins are kept beside it
		return nil, err
	}
	o.Memory = a.rememberedFor(near)
	if place.InDatabase(manifest) {
		if err := a.shares(&o, manifest); err != nil {
			return nil, err
		}
	}
	client, err := vbc.New(o)
	if err != nil {
		return nil, &usageError{err: err, hint: cmp.Or(insecureHint(err), "check VBC_API_URL, VBC_TOKEN_URL and VBC_API_ROOT")}
	}
	return client, nil
}

// setting reads NAME, or the file that NAME_FILE names. One newline at the
// file's end is not part of it.
func setting(name string) (string, error) {
	value, file := os.Getenv(name), os.Getenv(name+"_FILE")
	switch {
	case file == "":
		return value, nil
	case value != "":
		return "", usagef("unset one of them", "both %s and %s_FILE are set", name, name)
	}
	if receipt.LooksSecret(file) {
		return "", usagef("write the key into a file, and give its name", "%s_FILE: this is a signing key and not the name of a file; it must stay secret", name)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		var pe *os.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return "", usagef("the file must exist, and this user must be able to read it", "%s_FILE: can't read %s: %v", name, file, err)
	}
	value = strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")
	if value == "" {
		return "", usagef("write the value into the file", "%s_FILE: %s is empty", name, file)
	}
	return value, nil
}

// stateDir is where manifests lie unless --manifest says otherwise.
func stateDir() (string, error) {
	packaged := ""
	if packagedUser() {
		packaged = packagedState
	}
	return stateDirWith(packaged)
}

// stateDirWith is stateDir with the directory of an installed package, if this is its user.
// A user who has manifests where they would be without the package keeps them there: with
// others, holds would be forgotten, and waits would begin anew.
func stateDirWith(packaged string) (string, error) {
	if dir := os.Getenv("VBCVAULT_STATE_DIR"); dir != "" {
		return dir, nil
	}
	usual := ""
	switch {
	case os.Getenv("XDG_STATE_HOME") != "":
		usual = os.Getenv("XDG_STATE_HOME") + "/vbcvault"
	case home() != "":
		usual = home() + "/.local/state/vbcvault"
	case os.Getenv("LOCALAPPDATA") != "":
		usual = os.Getenv("LOCALAPPDATA") + "/vbcvault"
	}
	if packaged != "" && !hasManifests(usual) {
		return packaged, nil
	}
	if usual != "" {
		return usual, nil
	}
	return "", usagef("set VBCVAULT_STATE_DIR to a permanent directory that this user can write, or name the file with --manifest",
		"nowhere to keep the manifest: VBCVAULT_STATE_DIR and XDG_STATE_HOME are not set, and HOME %q is not a directory of this user", os.Getenv("HOME"))
}

// hasManifests reports whether a directory has some.
func hasManifests(dir string) bool {
	entries, _ := os.ReadDir(dir) // in what isn't there, or can't be read, none are used
	return slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return strings.HasSuffix(e.Name(), ".manifest") })
}

// home is HOME, if that is somebody's: in containers it is / or nothing, and users
// of services often have one that doesn't exist.
func home() string {
	dir := os.Getenv("HOME")
	if info, err := os.Stat(dir); dir == "" || filepath.Clean(dir) == string(filepath.Separator) || err != nil || !info.IsDir() {
		return ""
	}
	return dir
}

// unwritable turns what it means that a manifest's directory can't be written into
// a mistake of the configuration, which it mostly is.
func unwritable(err error) error {
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) || errors.Is(err, syscall.ENOTDIR) {
		return usagef("set VBCVAULT_STATE_DIR to a permanent directory that this user can write, or name the file with --manifest", "nowhere to keep the manifest: %w", err)
	}
	return err
}
