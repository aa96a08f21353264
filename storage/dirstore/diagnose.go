package dirstore

import (
	"context"
	"errors"
	"io/fs"

	"github.com/vbcvault/vbcvault/storage"
)

var _ storage.Diagnoser = (*Store)(nil)

// Diagnose implements storage.Diagnoser. It writes a temporary file and removes
// it at once.
func (s *Store) Diagnose(ctx context.Context) []storage.Finding {
	writing := storage.Finding{Check: "writing", Level: storage.OK, Means: s.dir + " is writable"}
	if err := s.tryWriting(ctx); err != nil {
		writing.Level, writing.Means, writing.Mend = storage.Failure, s.dir+" is not writable: "+cause(err).Error(), "check whether the disk is mounted read-only, and give this user permission to write there"
	}
	identity := storage.Finding{Check: "identity", Level: storage.OK, Means: "it is marked as a vbcvault destination"}
	switch _, err := s.identity(); {
	case errors.Is(err, fs.ErrNotExist):
		identity.Level, identity.Means = storage.Warning, "it is not marked yet; the first run marks it. If earlier runs used this directory, the disk is not mounted"
		identity.Mend = "check whether the disk is mounted"
	case err != nil:
		identity.Level, identity.Means, identity.Mend = storage.Failure, cause(err).Error(), "restore its file "+marker
	}
	return []storage.Finding{writing, identity}
}
