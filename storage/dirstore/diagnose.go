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
	writing := storage.Finding{Check: "writing", Level: storage.OK, Means: s.dir + " can be written"}
	if err := s.tryWriting(ctx); err != nil {
		writing.Level, writing.Means, writing.Mend = storage.Failure, s.dir+" can't be written: "+cause(err).Error(), "is the disk mounted read-only? Give this user the right to write there"
	}
	identity := storage.Finding{Check: "identity", Level: storage.OK, Means: "it is marked as a destination of vbcvault's"}
	switch _, err := s.identity(); {
	case errors.Is(err, fs.ErrNotExist):
		identity.Level, identity.Means = storage.Warning, "it isn't marked yet; the first run does that. If it should be the directory of earlier runs, the disk isn't mounted"
		identity.Mend = "look whether the disk is mounted"
	case err != nil:
		identity.Level, identity.Means, identity.Mend = storage.Failure, cause(err).Error(), "restore its file "+marker
	}
	return []storage.Finding{writing, identity}
}
