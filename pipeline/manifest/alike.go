package manifest

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// AlikeError says that a recording's audio is, byte for byte, another one's.
// One of the two may be wrong.
type AlikeError struct{ Recording, Other vbc.Recording }

func (e *AlikeError) Error() string {
	return fmt.Sprintf("the audio that VBC sent for %s is, byte for byte, that of %s", e.Recording, e.Other)
}

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
		if o.Kind == r.Kind && owner == r.Owner && id == r.ID && (nth == r.Nth || o.Start.Equal(r.Start) || o.CallID != "" && o.CallID == r.CallID) {
			continue
		}
		others = append(others, o)
	}
	return others, rows.Err()
}

// Stored writes down the intended copy, before it becomes visible in the store.
// It is an *AlikeError if another recording has the same audio, and then nothing
// is written: see StoredAlike.
func (m *Manifest) Stored(ctx context.Context, r vbc.Recording, c Copy) error {
	return m.do(ctx, func(tx txn) error {
		others, err := twins(tx, r, c.Audio.SHA256)
		if err != nil {
			return &WriteError{err}
		}
		if len(others) > 0 {
			return &AlikeError{Recording: r, Other: others[0]}
		}
		return store(tx, r, c, Unlike)
	})
}

// StoredAlike is Stored for audio that another recording has, and that VBC has
// sent twice. The other one, if it may still be at VBC, is suspect from then on.
func (m *Manifest) StoredAlike(ctx context.Context, r vbc.Recording, c Copy) error {
	return m.do(ctx, func(tx txn) error {
		others, err := twins(tx, r, c.Audio.SHA256)
		if err != nil {
			return &WriteError{err}
		}
		for _, o := range others {
			_, err := tx.Exec("UPDATE recording SET alike = ? WHERE "+thisRow+" AND alike = ? AND displaced = 0 AND state NOT IN ('purged', 'gone', 'erasing', 'erased')",
				Suspect, o.Kind, o.Owner, o.ID, o.Nth, Unlike)
			if err != nil {
				return &WriteError{err}
			}
		}
		how := Compared
		if len(others) == 0 {
			how = Unlike // the other has been archived anew meanwhile
		}
		return store(tx, r, c, how)
	})
}

// Compared writes down that VBC, asked once more, sends for a suspect recording
// what its copy has.
func (m *Manifest) Compared(ctx context.Context, r vbc.Recording) error {
	return m.exec(ctx, "UPDATE recording SET alike = ? WHERE "+thisRow, Compared, r.Kind, r.Owner, r.ID, r.Nth)
}

func store(tx txn, r vbc.Recording, c Copy, how Alike) error {
	return move(tx, r, Stored, "audio = ?, sidecar = ?, transcript = ?, stored_at = ?, archived_at = 0, alike = ?",
		encodeObject(c.Audio), encodeObject(c.Sidecar), encodeObject(c.Transcript), millis(c.StoredAt), how)
}
