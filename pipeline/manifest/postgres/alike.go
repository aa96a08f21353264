package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// sameAudio is the condition for the rows whose audio has a digest, by the index: its
// value is $2.
const sameAudio = "audio IS NOT NULL AND left(audio ->> 'sha256', 16) = left($2, 16) AND audio ->> 'sha256' = $2"

// twins are the other recordings that have this audio. An earlier form of the
// same call isn't another recording.
func twins(q reader, r vbc.Recording, sum storage.Digest) (others []vbc.Recording, err error) {
	all, err := collect(q, scanRecording, "SELECT kind, owner, id, nth, raw FROM vbcvault.recording WHERE account = $1 AND "+sameAudio+" ORDER BY kind, owner, id, nth", sum.String())
	for _, o := range all {
		if !manifest.OneRecording(o, r) {
			others = append(others, o)
		}
	}
	return others, err
}

// scanRecording reads what VBC says of a recording.
func scanRecording(row pgx.CollectableRow) (r vbc.Recording, err error) {
	var kind vbc.Kind
	var owner string
	var id, nth int64
	var raw []byte
	if err = row.Scan(&kind, &owner, &id, &nth, &raw); err == nil {
		r = vbc.ParseRecording(kind, owner, raw)
		r.Owner, r.ID, r.Nth = owner, id, nth
	}
	return r, err
}

// Stored writes down the intended copy, before it becomes visible in the store.
// It is an *AlikeError if another recording has the same audio, and then nothing
// is written: see StoredAlike.
func (m *Manifest) Stored(ctx context.Context, r vbc.Recording, c manifest.Copy) error {
	return m.do(ctx, func(tx *txn) error {
		others, err := twins(tx, r, c.Audio.SHA256)
		if err != nil {
			return writeError(err)
		}
		if len(others) > 0 {
			return &manifest.AlikeError{Recording: r, Other: others[0]}
		}
		return store(tx, r, manifest.StepStored, c, manifest.Unlike)
	})
}

// StoredAlike is Stored for audio that another recording has, and that VBC has
// sent twice. The other one, if it may still be at VBC, is suspect from then on.
func (m *Manifest) StoredAlike(ctx context.Context, r vbc.Recording, c manifest.Copy) error {
	return m.do(ctx, func(tx *txn) error {
		others, err := twins(tx, r, c.Audio.SHA256)
		if err == nil && len(others) > 0 {
			all := keysOf(others)
			_, err = tx.Exec(suspect+"FROM "+theseKeys+" WHERE "+theseRows+mayBeSuspect+" AND alike = 0", all.values()...)
		}
		if err != nil {
			return writeError(err)
		}
		how := manifest.Compared
		if len(others) == 0 {
			how = manifest.Unlike // the other has been archived anew meanwhile
		}
		return store(tx, r, manifest.StepStoredAlike, c, how)
	})
}

// Twin returns another recording that has this audio, nil if there is none.
func (m *Manifest) Twin(ctx context.Context, r vbc.Recording, sum storage.Digest) (*vbc.Recording, error) {
	others, err := twins(reading{ctx, m}, r, sum)
	if err != nil || len(others) == 0 {
		return nil, err
	}
	return &others[0], nil
}

// suspect is what becomes of a recording that may have another one's audio: the
// next run compares it. What VBC has no more can't be compared.
const (
	suspect      = "UPDATE vbcvault.recording r SET alike = 1, " + onlyStored + " "
	mayBeSuspect = " AND displaced = 0 AND audio IS NOT NULL AND state NOT IN ('purged', 'gone', 'erasing', 'erased')"
)

// Suspected writes down that a recording's copy may be another one's audio.
func (m *Manifest) Suspected(ctx context.Context, r vbc.Recording) error {
	return m.exec(ctx, suspect+"WHERE "+thisRow+mayBeSuspect, keyOf(r)...)
}

func store(tx *txn, r vbc.Recording, step manifest.Step, c manifest.Copy, how manifest.Alike) error {
	// What is the same, in the same place, is as old as it was.
	const age = "archived_at = CASE WHEN audio ->> 'key' = $10 AND audio ->> 'sha256' = $11 THEN archived_at ELSE 0 END"
	return move(tx, r, step, "audio = $6, sidecar = $7, transcript = $8, stored_at = $9, "+age+", alike = $12, unvouched = false",
		objectOf(c.Audio), objectOf(c.Sidecar), objectOf(c.Transcript), millis(c.StoredAt), Storable(c.Audio.Key), c.Audio.SHA256.String(), int(how))
}

func isSuspect(tx *txn, r vbc.Recording) (is bool) {
	err := tx.QueryRow("SELECT alike = 1 FROM vbcvault.recording WHERE "+thisRow, keyOf(r)...).Scan(&is)
	return err == nil && is
}
