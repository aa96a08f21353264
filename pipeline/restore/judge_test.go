package restore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/vbcvault/vbcvault/pipeline/retry"
	"github.com/vbcvault/vbcvault/storage"
)

// The network is tried again; what a store or a file system has decided isn't, and
// what all recordings will meet ends the restore.
func TestWhatRestoringTriesAgain(t *testing.T) {
	t.Parallel()
	server := errors.New("connection reset")
	for name, c := range map[string]struct {
		err   error
		want  retry.Verdict
		fatal bool
	}{
		"the network, while reading": {fmt.Errorf("read: %w", server), retry.Passing, false},
		"the store":                  {faultOf(server), retry.Final, false},
		"not there":                  {faultOf(storage.ErrNotFound), retry.Final, false},
		"in cold storage":            {faultOf(storage.ErrCold), retry.Final, false},
		"another bytes":              {fmt.Errorf("create: %w", &damagedError{Key: "k"}), retry.Final, false},
		"the name is taken":          {localFault(fs.ErrExist), retry.Final, false},
		"no rights to the store":     {faultOf(fmt.Errorf("open: %w", storage.ErrRefused)), retry.Systemic, true},
		"stopped":                    {context.Canceled, retry.Cancelled, true},
		"nothing":                    {nil, retry.Final, false},
	} {
		if got := weigh(c.err); got != c.want || fatal(t.Context(), c.err) != c.fatal {
			t.Errorf("%s: %d, fatal %v; want %d", name, got, fatal(t.Context(), c.err), c.want)
		}
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if !fatal(ended, faultOf(server)) || fatal(ended, nil) {
		t.Error("what fails after the end is the end's")
	}
}
