package sqlite

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// twins are the other recordings that have this audio. An earlier form of the
// same call isn't another recording.
func twins(q rower, r vbc.Recording, sum storage.Digest) (others []vbc.Recording, err error) {
	rows, err := q.Query(`SELECT kind, owner, id, nth, raw FROM recording INDEXED BY by_audio
		WHERE `+audioSum+` = substr(?1, 1, 16) AND audio <> '' AND audio ->> '$.sha256' = ?1`, sum.String())
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var kind, owner, raw string
		var id, nth int64
		if err := rows.Scan(&kind, &owner, &id, &nth, &raw); err != nil {
			return nil, err
		}
		o := vbc.ParseRecording(vbc.Kind(kind), owner, json.RawMessage(raw))
		o.Owner, o.ID, o.Nth = owner, id, nth
		if !manifest.OneRecording(o, r) {
			others = append(others, o)
		}
	}
	return others, rows.Err()
}

// Stored writes down the intended copy, before it becomes visible in the store.
// It is an *AlikeError if another recording has the same audio, and then nothing
// is written: see StoredAlike.
func (m *Manifest) Stored(ctx context.Context, r vbc.Recording, c manifest.Copy) error {
	return m.do(ctx, func(tx txn) error {
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
	return m.do(ctx, func(tx txn) error {
		others, err := twins(tx, r, c.Audio.SHA256)
		if err != nil {
			return writeError(err)
		}
		for _, o := range others {
			if _, err := tx.Exec(suspect+" AND alike = 0", o.Kind, o.Owner, o.ID, o.Nth); err != nil {
				return writeError(err)
			}
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
	if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	if len(others) == 0 {
		return nil, nil
	}
	return &others[0], nil
}

// suspect is what becomes of a recording that may have another one's audio: the
// next run compares it. What VBC has no more can't be compared.
const suspect = "UPDATE recording SET alike = 1, state = CASE state WHEN 'verified' THEN 'stored' ELSE state END WHERE " + thisRow +
	" AND displaced = 0 AND audio <> '' AND state NOT IN ('purged', 'gone', 'erasing', 'erased')"

// Suspected writes down that a recording's copy may be another one's audio.
func (m *Manifest) Suspected(ctx context.Context, r vbc.Recording) error {
	return m.exec(ctx, suspect, r.Kind, r.Owner, r.ID, r.Nth)
}

// Compared writes down what VBC, asked once more for a suspect recording, has
// shown of it.
func (m *Manifest) Compared(ctx context.Context, r vbc.Recording, how manifest.Alike) error {
	return m.exec(ctx, "UPDATE recording SET alike = ? WHERE "+thisRow, how, r.Kind, r.Owner, r.ID, r.Nth)
}

func store(tx txn, r vbc.Recording, step manifest.Step, c manifest.Copy, how manifest.Alike) error {
	// What is the same, in the same place, is as old as it was.
	const age = "archived_at = iif(audio <> '' AND audio ->> '$.key' = ? AND audio ->> '$.sha256' = ?, archived_at, 0)"
	return move(tx, r, step, "audio = ?, sidecar = ?, transcript = ?, stored_at = ?, "+age+", alike = ?, unvouched = 0",
		manifest.EncodeObject(c.Audio), manifest.EncodeObject(c.Sidecar), manifest.EncodeObject(c.Transcript), millis(c.StoredAt), c.Audio.Key, c.Audio.SHA256.String(), how)
}

func isSuspect(tx txn, r vbc.Recording) (is bool) {
	err := tx.QueryRow("SELECT alike = 1 FROM recording WHERE "+thisRow, r.Kind, r.Owner, r.ID, r.Nth).Scan(&is)
	return err == nil && is
}

// SuspectTwins has the next run ask VBC about recordings that have another one's
// audio, as far as VBC may have them. It is for Create, when all are written.
func (m *Manifest) SuspectTwins(ctx context.Context) error {
	return m.create(ctx, suspectTwins)
}

func suspectTwins(tx txn) error {
	all, err := sharing(tx)
	if err != nil {
		return err
	}
	for sum, recordings := range all {
		for _, r := range recordings {
			others, err := twins(tx, r, sum)
			if err == nil && len(others) > 0 {
				_, err = tx.Exec(suspect, r.Kind, r.Owner, r.ID, r.Nth)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// sharing are the recordings whose audio another row has. Of what was erased unread
// nobody knows which audio it was.
func sharing(q rower) (map[storage.Digest][]vbc.Recording, error) {
	rows, err := q.Query(`SELECT kind, owner, id, nth, raw, audio ->> '$.sha256' FROM recording WHERE audio <> '' AND audio ->> '$.sha256' <> '' AND ` + audioSum + ` IN
		(SELECT ` + audioSum + ` FROM recording WHERE audio <> '' GROUP BY 1 HAVING count(*) > 1)`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := map[storage.Digest][]vbc.Recording{}
	for rows.Next() {
		var kind, owner, raw, digest string
		var id, nth int64
		if err := rows.Scan(&kind, &owner, &id, &nth, &raw, &digest); err != nil {
			return nil, err
		}
		sum, err := storage.ParseDigest(digest)
		if err != nil {
			return nil, err
		}
		r := vbc.ParseRecording(vbc.Kind(kind), owner, json.RawMessage(raw))
		r.Owner, r.ID, r.Nth = owner, id, nth
		all[sum] = append(all[sum], r)
	}
	return all, rows.Err()
}
