package check

import (
	"errors"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// What somebody has found wrong is written down of the recording as it is then, and not as
// it was when reading began: a run beside it goes on.
func TestRefutedIsWhatThereIsNow(t *testing.T) {
	t.Parallel()
	k := keep(t, t.TempDir())
	var all []vbc.Recording
	for id := range int64(3) {
		r := vbc.ParseRecording(vbc.Company, "", manifest.Bare(id+1, time.Unix(1_700_000_000+id, 0), 3))
		r.Account = account
		all = append(all, r)
	}
	if _, err := k.m.Add(t.Context(), 1, all); err != nil {
		t.Fatal(err)
	}
	copied := func(r vbc.Recording, text string) manifest.Copy {
		text += r.String() // no two recordings have the same audio
		e := about(receipt.Intent, r.ID)
		c := manifest.Copy{Audio: *e.Audio, Sidecar: *e.Sidecar, StoredAt: time.Now()}
		c.Audio.Content = storage.Content{Size: int64(len(text)), SHA256: storage.SumOf([]byte(text))}
		c.Audio.Proof, c.Sidecar.Proof = storage.ProofRead, storage.ProofRead
		return c
	}
	row := func(r vbc.Recording) manifest.Row {
		row, err := k.m.Row(t.Context(), r.Key(), 0)
		if err != nil {
			t.Fatal(err)
		}
		return row
	}
	var read []manifest.Row
	for _, r := range all {
		c := copied(r, "old")
		if err := errors.Join(k.m.Stored(t.Context(), r, c), k.m.Verified(t.Context(), r, c, time.Now(), true)); err != nil {
			t.Fatal(err)
		}
		read = append(read, row(r))
	}
	still, anew, gone := all[0], all[1], all[2]
	if err := errors.Join(k.m.Relist(t.Context(), anew), k.m.Stored(t.Context(), anew, copied(anew, "new"))); err != nil {
		t.Fatal(err)
	}
	intent, outcome := about(receipt.Intent, gone.ID), about(receipt.Result, gone.ID)
	c := copied(gone, "old")
	intent.Audio, intent.Sidecar, outcome.Outcome = &c.Audio, &c.Sidecar, receipt.Deleted
	if err := errors.Join(k.m.Purging(t.Context(), gone, c, intent, false), k.m.Purged(t.Context(), gone, outcome)); err != nil {
		t.Fatal(err)
	}
	for _, was := range read {
		for range 2 { // two listeners find it
			if err := Refute(t.Context(), k.m, was, errors.New("it has other bytes")); err != nil {
				t.Fatal(err)
			}
		}
	}
	if r := row(still); !r.Refuted || r.Damaged != "" {
		t.Errorf("VBC still has it: %+v", r)
	}
	if r := row(anew); r.Refuted || r.Damaged != "" {
		t.Errorf("it was archived anew: %+v", r)
	}
	if r := row(gone); r.Damaged != "it has other bytes" {
		t.Errorf("VBC has it no more, and nobody is told: %+v", r)
	}
}
