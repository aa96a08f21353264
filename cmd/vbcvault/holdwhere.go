package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/holding"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/place"
)

// holdWhere says which manifests a command about holds is about.
type holdWhere struct{ path, account, to string }

// places finds them: the one that is named, or all of one account in the state
// directory and the database. What can't be read, or belongs to nobody yet, is left out; unread says
// why, of each file, if it may be one that is meant.
func (w *holdWhere) places(ctx context.Context) (places []holding.Place, unread []error, err error) {
	paths, err := w.paths(ctx)
	if err != nil {
		return nil, nil, err
	}
	opening, noKey := environment().opening()
	accounts := map[string]bool{}
	for _, path := range paths {
		p, err := holding.Place{Path: path}, noKey
		if err == nil {
			p, err = holding.ReadPlace(ctx, path, opening)
		}
		switch {
		case place.Missing(err) && w.path != "":
			return nil, nil, noManifest(path)
		case place.Missing(err):
		case err != nil:
			unread = append(unread, err)
		case p.Moved != "" && w.path == "": // nobody uses it any more
		case p.Bound.Account != "" && (w.account == "" || w.account == p.Bound.Account):
			accounts[p.Bound.Account] = true
			places = append(places, p)
		}
	}
	switch {
	case len(accounts) > 1:
		return nil, nil, severalAccounts(accounts)
	case len(places) == 0 && len(unread) > 0:
		return nil, nil, errors.Join(unread...)
	case len(places) == 0 && w.account != "":
		return nil, nil, usagef("vbcvault status shows a manifest's account", "no manifest here belongs to account %s", w.account)
	case len(places) == 0:
		return nil, nil, fmt.Errorf("%w: %s", manifest.ErrUnbound, strings.Join(paths, ", "))
	}
	places, err = w.towards(places)
	return places, unread, err
}

// paths are where the manifests lie that may be meant: in the state directory, and in the
// database if there is one.
func (w *holdWhere) paths(ctx context.Context) ([]string, error) {
	if w.path != "" {
		return []string{w.path}, fitManifest(w.path)
	}
	around := environment()
	database, err := around.database()
	if err != nil {
		return nil, err
	}
	dir, err := around.stateDir()
	if err != nil && database == "" {
		return nil, err
	}
	paths, err := holding.ManifestsIn(dir)
	if err == nil && database != "" {
		var there []string
		there, err = place.Manifests(ctx, database, w.account, around.unsigned())
		paths = append(paths, there...)
	}
	if err == nil && len(paths) == 0 {
		_, err = around.onlyManifest(ctx) // which says so
	}
	return paths, err
}

// towards are the places of the destination that --to names, all without it.
func (w *holdWhere) towards(places []holding.Place) ([]holding.Place, error) {
	if w.to == "" {
		return places, nil
	}
	d, err := parsePlace("to", w.to)
	if err != nil {
		return nil, err
	}
	w.to = d.String()
	var is []string
	all := slices.DeleteFunc(places, func(p holding.Place) bool {
		is = append(is, p.Bound.Destination)
		return p.Bound.Destination != w.to
	})
	if len(all) == 0 {
		return nil, usagef("name one of these with --to, or leave it out for all of them", "no manifest belongs to %s; there are manifests for %s",
			w.to, strings.Join(is, ", "))
	}
	return all, nil
}

func (w *holdWhere) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&w.path, "manifest", "", "only the manifest `FILE` (default: all of the account in the state directory)")
	cmd.Flags().StringVar(&w.account, "account", "", "the account's `NUMBER`, if there are manifests of several accounts")
}

func noManifest(path string) error {
	return usagef("name an existing one with --manifest FILE, or run vbcvault archive once, without --delete", "there is no manifest %s", path)
}

func severalAccounts(accounts map[string]bool) error {
	return usagef("choose one with --account NUMBER", "there are manifests of several accounts: %s", strings.Join(slices.Sorted(maps.Keys(accounts)), ", "))
}

// machine is where the environment says that manifests lie.
func machine() holding.Machine { return holding.Machine{Opening: environment().opening} }

// beside opens an existing manifest for a short change, also while a run uses it.
func beside(ctx context.Context, path string, do func(manifest.Opened) error) error {
	err := machine().Beside(ctx, path, do)
	if place.Missing(err) {
		return noManifest(path)
	}
	return err
}
