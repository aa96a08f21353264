package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/storage"
)

// holdPlace is a manifest that commands about holds are about.
type holdPlace struct {
	path  string
	bound manifest.Binding
	holds []manifest.Hold
}

func (p holdPlace) String() string {
	return fmt.Sprintf("%s (%s)", orNone(p.bound.Destination), p.path)
}

// readHoldPlace reads a manifest of any format.
func readHoldPlace(ctx context.Context, path string) (holdPlace, error) {
	p := holdPlace{path: path}
	b, texts, err := readHolds(ctx, path)
	if err != nil {
		return p, err
	}
	p.bound = b
	for _, t := range texts {
		if !t.Ended {
			p.holds = append(p.holds, t.Made())
			continue
		}
		h := &p.holds[len(p.holds)-1] // its making comes right before its end
		if h.Removed, err = t.End(); err != nil {
			return p, fmt.Errorf("read the holds of manifest %s: %w", path, err)
		}
	}
	return p, nil
}

// holdWhere says which manifests a command about holds is about.
type holdWhere struct{ path, account, to string }

// places finds them: the one that is named, or all of one account in the state
// directory. What can't be read, or belongs to nobody yet, is left out; unread says
// why, of each file, if it may be one that is meant.
func (w *holdWhere) places(ctx context.Context) (places []holdPlace, unread []error, err error) {
	paths := []string{w.path}
	if w.path == "" {
		dir, err := stateDir()
		if err != nil {
			return nil, nil, err
		}
		if paths, err = manifestsIn(dir); err != nil {
			return nil, nil, err
		}
		if len(paths) == 0 {
			_, err := onlyManifest() // which says so
			return nil, nil, err
		}
	}
	accounts := map[string]bool{}
	for _, path := range paths {
		p, err := readHoldPlace(ctx, path)
		switch {
		case sqlite.Missing(err) && w.path != "":
			return nil, nil, noManifest(path)
		case sqlite.Missing(err):
		case err != nil:
			unread = append(unread, err)
		case p.bound.Account != "" && (w.account == "" || w.account == p.bound.Account):
			accounts[p.bound.Account] = true
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

// towards are the places of the destination that --to names, all without it.
func (w *holdWhere) towards(places []holdPlace) ([]holdPlace, error) {
	if w.to == "" {
		return places, nil
	}
	d, err := parsePlace("to", w.to)
	if err != nil {
		return nil, err
	}
	w.to = d.String()
	var is []string
	all := slices.DeleteFunc(places, func(p holdPlace) bool {
		is = append(is, p.bound.Destination)
		return p.bound.Destination != w.to
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

// beside opens an existing manifest for a short change, also while a run uses it.
func beside(ctx context.Context, path string, do func(*sqlite.Manifest) error) error {
	key, err := signingKey()
	if err != nil {
		return err
	}
	m, err := sqlite.OpenBeside(ctx, path, key)
	if sqlite.Missing(err) {
		return noManifest(path)
	}
	if err != nil {
		return err
	}
	return errors.Join(do(m), m.Close())
}

// commonHold is one hold, in all manifests that have it.
type commonHold struct {
	manifest.Hold
	numbers []int64     // that it has there, each once
	in      []holdPlace // where it is in force
	over    []holdPlace // where it has ended
}

// label names it for people: its number, or numbers, and what it is everywhere.
func (h commonHold) label() string {
	return fmt.Sprintf("%s (%s)", strings.Trim(strings.ReplaceAll(fmt.Sprint(h.numbers), " ", ", "), "[]"), short(h.Digest))
}

// short is as much of a hold's digest as people need to tell it from others.
func short(d storage.Digest) string { return d.String()[:8] }

// common are the holds of several manifests, each once. One that has ended in some
// of them is in force in the others.
func common(places []holdPlace) (all []commonHold) {
	for _, p := range places {
		for _, h := range p.holds {
			i := slices.IndexFunc(all, func(c commonHold) bool { return c.Digest == h.Digest })
			if i < 0 {
				i, all = len(all), append(all, commonHold{Hold: h})
			}
			c := &all[i]
			if c.Lost && !h.Lost { // its criteria are known here
				removed := c.Removed
				c.Hold = h
				c.Removed = removed
			}
			if !slices.Contains(c.numbers, h.Number) {
				c.numbers = append(c.numbers, h.Number)
			}
			if h.Removed == nil {
				c.in, c.Removed = append(c.in, p), nil
			} else if c.over = append(c.over, p); len(c.in) == 0 {
				c.Removed = h.Removed
			}
		}
	}
	return all
}
