package main

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/vbcvault/vbcvault/pipeline/manifest/place"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
)

// opening is how manifests are opened here.
func (a surroundings) opening() (place.Options, error) {
	o := a.unsigned()
	secret, err := a.signingKey()
	if err != nil {
		return o, err
	}
	o.Key = place.Hide(secret)
	return o, nil
}

// unsigned is opening for what has nothing to do with the key: who only looks needs no
// secret for it.
func (a surroundings) unsigned() place.Options {
	return place.Options{Program: programVersion(), Cache: a.cache, Password: a.databasePassword, Machine: machineName(), Lease: pauses.lease}
}

// signingKey is the key that signs receipts, if it is given; "": it lies beside its
// manifest.
func (a surroundings) signingKey() (string, error) {
	secret, err := a.setting("VBCVAULT_SIGNING_KEY")
	if err != nil || secret == "" {
		return "", err
	}
	if _, err := receipt.ParseKey(secret); err != nil {
		return "", usagef("it is the content of the file MANIFEST.key of an existing manifest", "VBCVAULT_SIGNING_KEY: %v", err)
	}
	return secret, nil
}

// databasePassword is that of the database, "" where libpq finds it.
func (a surroundings) databasePassword() (string, error) {
	return a.setting("VBCVAULT_DATABASE_PASSWORD")
}

// database is the address of the database in which manifests lie unless --manifest says
// otherwise, "" if they are files. It names no manifest.
func (a surroundings) database() (string, error) {
	const hint = "write it as in postgres://USER@HOST/DATABASE; the password goes into VBCVAULT_DATABASE_PASSWORD_FILE, or into database: password of a configuration file"
	url, err := a.setting("VBCVAULT_DATABASE_URL")
	if err != nil || url == "" {
		return "", err
	}
	switch err := place.Check(url); {
	case !place.InDatabase(url):
		return "", usagef(hint, "VBCVAULT_DATABASE_URL is not the address of a database of PostgreSQL")
	case errors.Is(err, place.ErrUnnamed):
		return url, nil
	case err != nil:
		return "", usagef(hint, "VBCVAULT_DATABASE_URL: %w", err)
	}
	return "", usagef("remove manifest=…: each account has a manifest of its own there", "VBCVAULT_DATABASE_URL names one manifest")
}

// fitManifest says what is wrong with the place of a manifest that somebody has written,
// before anything is opened or asked. It shows nothing of the place: there may be a
// password in it.
func fitManifest(path string) error {
	switch err := place.Check(path); {
	case errors.Is(err, place.ErrPassword):
		return usagef("write it without, as in postgres://USER@HOST/DATABASE?manifest=NAME, and the password into VBCVAULT_DATABASE_PASSWORD_FILE, or into database: password of a configuration file. "+
			"Change the password if others could read it", "--manifest: %w", err)
	case errors.Is(err, place.ErrUnnamed):
		return usagef("add ?manifest=NAME; vbcvault manifest list shows the names", "--manifest: %w", err)
	case err != nil:
		return usagef("write it as in postgres://USER@HOST/DATABASE?manifest=NAME", "--manifest: %w", err)
	}
	return nil
}

// manifestOf is where the manifest of an account and a destination lies of itself: a file
// in the state directory or, with the same name, in the database.
func (a surroundings) manifestOf(account, user, api string, d destination) (string, error) {
	database, err := a.database()
	if err != nil {
		return "", err
	}
	if database != "" {
		return place.At(database, place.Name(manifestPath("", account, user, api, d)))
	}
	dir, err := a.stateDir()
	if err != nil {
		return "", err
	}
	return manifestPath(dir, account, user, api, d), nil
}

// near is where files lie that a run keeps on this machine beside its manifest: of one in
// a database, beside where a file of that name would be in the state directory.
func (a surroundings) near(manifest string) (string, error) {
	if !place.InDatabase(manifest) {
		return manifest, nil
	}
	dir, err := a.stateDir()
	return filepath.Join(dir, place.Name(manifest)+".manifest"), err
}

// machineName is what other machines call this one, for people.
func machineName() string {
	if name := os.Getenv("VBCVAULT_MACHINE"); name != "" {
		return name
	}
	name, _ := os.Hostname() // it is for people, and "" is no worse than another word
	return name
}
