package pipeline

import (
	"errors"
	"fmt"

	"github.com/vbcvault/vbcvault/pipeline/evidence"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// codeOf is a short stable word for the kind of a failure. Failures with the same
// code have the same cause, whatever their texts say: those name recordings.
func codeOf(err error) string {
	if t, ok := errors.AsType[*transcriptError](err); ok {
		return "transcript-" + codeOf(t.err)
	}
	if e := vbc.AsError(err); e != nil {
		switch {
		case e.Malformed:
			return "vbc-malformed"
		case e.Code != 0:
			return fmt.Sprintf("vbc-%d-%d", e.Status, e.Code)
		}
		return fmt.Sprintf("vbc-%d", e.Status)
	}
	for _, known := range []struct {
		is   bool
		code string
	}{
		{isA[*notAudioError](err), "not-audio"},
		{isA[*sizeError](err), "size"},
		{isA[*vbc.NotTranscriptError](err), "not-a-transcript"},
		{isA[*storage.OccupiedError](err), "occupied"},
		{isA[*evidence.Mismatch](err), "mismatch"},
		{isA[*evidence.Unprotected](err), "unprotected"},
		{isA[*evidence.StaleError](err), "stale"},
		{isA[*evidence.Changed](err), "changed"},
		{isA[*manifest.StateError](err), "state"},
		{isA[*manifest.HeldError](err), "held"},
		{isA[*manifest.AlikeError](err), "alike"},
		{isA[*manifest.SuspectError](err), "suspect"},
		{isA[*alikeError](err), "equal-audio"},
		{isA[*vbc.ForeignHostError](err), "foreign-host"},
		{isA[*expiringError](err), "expiring"},
		{errors.Is(err, errGone), "gone"},
		{errors.Is(err, errSeveralTranscripts), "several-transcripts"},
		{errors.Is(err, errReappeared), "reappeared"},
		{errors.Is(err, vbc.ErrNoAddress), "no-address"},
		{errors.Is(err, storage.ErrRefused), "store-refused"},
		{isA[*storeError](err), "store"},
	} {
		if known.is {
			return known.code
		}
	}
	return "network"
}
