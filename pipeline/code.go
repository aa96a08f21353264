package pipeline

import (
	"errors"

	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/evidence"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/refusal"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// codeOf is a short stable word for the kind of a failure. Failures with the same
// code have the same cause, whatever their texts say: those name recordings. It
// is one of package code's Failures.
func codeOf(err error) string {
	if t, ok := errors.AsType[*transcriptError](err); ok {
		return code.TranscriptMark + codeOf(t.err)
	}
	if isA[*unclearError](err) {
		return code.Unclear
	}
	if d, ok := errors.AsType[*deletionError](err); ok {
		return code.DeletionMark + codeOf(d.err)
	}
	if e := vbc.AsError(err); e != nil {
		if e.Malformed {
			return code.Malformed
		}
		return code.OfStatus(e.Status, e.Code)
	}
	if e, ok := errors.AsType[*notAudioError](err); ok && e.Odd {
		return code.UnknownFormat
	}
	for _, known := range []struct {
		is   bool
		word string
	}{
		{isA[*notAudioError](err), code.NotAudio},
		{isA[*sizeError](err), code.Size},
		{isA[*vbc.NotTranscriptError](err), code.NotTranscript},
		{isA[*storage.OccupiedError](err), code.Occupied},
		{isA[*evidence.Mismatch](err), code.Mismatch},
		{isA[*evidence.Unprotected](err), code.Unprotected},
		{isA[*evidence.StaleError](err), code.Stale},
		{isA[*evidence.Changed](err), code.Changed},
		{isA[*manifest.StateError](err) || isA[*manifest.RefutedError](err), code.State},
		{isA[*manifest.HeldError](err), code.Held},
		{isA[*manifest.AlikeError](err), code.Alike},
		{isA[*manifest.SuspectError](err), code.Suspect},
		{isA[*alikeError](err), code.EqualAudio},
		{isA[*vbc.ForeignHostError](err), code.ForeignHost},
		{isA[*expiringError](err), code.Expiring},
		{errors.Is(err, errGone), code.Gone},
		{errors.Is(err, errSeveralTranscripts), code.Several},
		{errors.Is(err, errReappeared), code.Reappeared},
		{errors.Is(err, vbc.ErrNoAddress), code.NoAddress},
		{errors.Is(err, storage.ErrRefused), code.StoreRefused},
		{errors.Is(err, storage.ErrCold), code.Cold},
		{isA[*storeError](err), code.Store},
	} {
		if known.is {
			return known.word
		}
	}
	return code.Network
}

// EndCode is the code of the error with which a run or another command has ended,
// one of package code's Ended; "" for nil.
func EndCode(err error) string {
	if err == nil {
		return ""
	}
	if c := refusal.Code(err); c != "" {
		return c
	}
	if e := vbc.AsError(err); e != nil && !isA[*vbc.AuthError](err) {
		return codeOf(e)
	}
	for _, known := range []struct {
		is   bool
		word string
	}{
		{isA[*vbc.AuthError](err), code.Login},
		{isA[*manifest.LeaseError](err), code.Lease},
		{isA[*vbc.SharedQuotaError](err) || isA[*vbc.MemoryError](err), code.Database},
		{isA[*manifest.WriteError](err), code.ManifestWrite},
		{isA[*manifest.BoundError](err), code.AnotherManifest},
		{errors.Is(err, manifest.ErrLocked), code.AnotherRun},
		{errors.Is(err, manifest.ErrUnbound), code.NotBound},
		{errors.Is(err, storage.ErrRefused), code.StoreRefused},
		{errors.Is(err, ErrStopped), code.Interrupted},
	} {
		if known.is {
			return known.word
		}
	}
	return code.Failed
}
