package postgres

import (
	"context"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/vbc"
)

// change changes columns of one row; their values begin with $6. Of what isn't known
// nothing is changed.
func (m *Manifest) change(ctx context.Context, r vbc.Recording, set, condition string, values ...any) error {
	return m.exec(ctx, "UPDATE vbcvault.recording SET "+set+" WHERE "+thisRow+condition, keyOf(r, values...)...)
}

// onlyStored has a verified copy be stored, to be looked at again.
const onlyStored = "state = CASE state WHEN 'verified' THEN 'stored' ELSE state END"

// Doubt writes down that a copy isn't what it should be, while VBC may still
// have the recording: the next run reads it, and archives the recording anew if
// it is still wrong. Until then nothing that the store remembers of it counts.
func (m *Manifest) Doubt(ctx context.Context, r vbc.Recording) error {
	return m.change(ctx, r, "refuted = true, "+onlyStored, "")
}

// Rewritten writes down that what was read and found wrong has been replaced, in
// this run: what the store remembers counts again.
func (m *Manifest) Rewritten(ctx context.Context, r vbc.Recording) error {
	return m.change(ctx, r, "refuted = false", "")
}

// Damaged writes down what is wrong with a copy that VBC can't replace any more;
// "" says that it has been read, and is whole again.
func (m *Manifest) Damaged(ctx context.Context, r vbc.Recording, what string) error {
	return m.change(ctx, r, "damaged = $6, refuted = $7", "", Storable(what), what != "")
}

// Acknowledge writes down why somebody takes a recording's last failure for
// granted.
func (m *Manifest) Acknowledge(ctx context.Context, r vbc.Recording, why string) error {
	return m.change(ctx, r, "acknowledged = $6, acknowledging = reason, acknowledging_code = code", "", Storable(why))
}

// Compared writes down what VBC, asked once more for a suspect recording, has
// shown of it.
func (m *Manifest) Compared(ctx context.Context, r vbc.Recording, how manifest.Alike) error {
	return m.change(ctx, r, "alike = $6", "", int(how))
}

// Comparing writes down that VBC is about to be asked once more for a recording
// whose copy is unvouched: it may be stored from then on. What was found stays known
// until then. A copy that is vouched for is left alone.
func (m *Manifest) Comparing(ctx context.Context, r vbc.Recording) error {
	return m.change(ctx, r, "state = 'stored'", " AND state = 'verified' AND unvouched")
}

// Redate has the age of a copy count from at. What was written down when it was
// archived was a wrong clock's time.
func (m *Manifest) Redate(ctx context.Context, r vbc.Recording, at time.Time) error {
	return m.change(ctx, r, "archived_at = $6", " AND archived_at > 0", millis(at))
}

// Moved binds the manifest to the identity that its destination has now, whatever
// it was bound to: somebody has moved the archive on purpose. On nil it is
// durable.
func (m *Manifest) Moved(ctx context.Context, identity string) error {
	return m.exec(ctx, setMeta, "identity", Storable(identity))
}
