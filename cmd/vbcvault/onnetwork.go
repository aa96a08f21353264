package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/service"
	"github.com/vbcvault/vbcvault/pipeline/manifest/place"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/mount"
)

// onThisMachine is how to mend that a database would lie on a network file system.
const onThisMachine = "keep it on a disk of this machine: --manifest FILE, state-dir in the configuration file, or VBCVAULT_STATE_DIR. " +
	"In Kubernetes: a ReadWriteOnce volume of block storage (EBS, Persistent Disk, Azure Disk), not NFS, EFS, Azure Files or CephFS"

// misplaced is a database of a configuration that would lie on a network file system.
type misplaced struct {
	account *config.Account // nil: the service's and the page's, in the state directory
	err     error
}

func (m misplaced) Error() string {
	if m.account != nil {
		return fmt.Sprintf("account %s: %v", m.account.Name, m.err)
	}
	return m.err.Error()
}

func (m misplaced) Unwrap() error { return m.err }

// onNetwork finds the databases of a configuration that can't lie where it says, before
// anything is made there. Accounts whose manifests are in the state directory aren't
// named beside it. Whatever else is wrong with a place, the work there says itself.
func onNetwork(ctx context.Context, c *config.Config, state string) (all []misplaced) {
	if err := service.Place(state); errors.Is(err, mount.ErrRemote) {
		all = append(all, misplaced{err: err})
	}
	for _, a := range accountsOf(c) {
		path, _, err := a.manifestFile(ctx)
		if err != nil || len(all) > 0 && all[0].account == nil && filepath.Dir(path) == filepath.Clean(state) {
			continue
		}
		if err := place.Fit(path); errors.Is(err, mount.ErrRemote) {
			all = append(all, misplaced{account: &a.Account, err: err})
		}
	}
	return all
}

// refuseNetwork is the error that onNetwork comes to for a service: it doesn't begin,
// rather than that it leaves out an account every night.
func refuseNetwork(ctx context.Context, c *config.Config, state string) error {
	var errs []error
	for _, m := range onNetwork(ctx, c, state) {
		errs = append(errs, m)
	}
	return errors.Join(errs...)
}

// onNetwork looks where the databases would lie: the service and the runs refuse some
// places.
func (c *configCheck) onNetwork(ctx context.Context, file *config.Config) {
	state := file.StateDir
	if state == "" {
		var err error
		if state, err = stateDir(); err != nil {
			return // the runs say so
		}
	}
	for _, m := range onNetwork(ctx, file, state) {
		line, key := 0, "state-dir"
		if m.account != nil {
			line, key = m.account.Line, "accounts."+m.account.Name
		}
		c.found(storage.Failure, line, key, onThisMachine, "%v", m.err)
	}
}
