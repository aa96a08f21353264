package vbc_test

import (
	"context"
	"maps"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/vbc"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// In whatever way transcripts are listed: each is said to be its recording's,
// and comes byte for byte.
func TestTranscripts(t *testing.T) {
	for name, cfg := range map[string]vbctest.Config{
		"by the recording's id": {}, "ids of their own": {TranscriptsOwnIDs: true}, "another name": {TranscriptsElsewhere: true},
		"small pages": {MaxPageSize: 1}, "pages from 0": {MaxPageSize: 1, FirstPageZero: true},
	} {
		a, c := start(t, cfg)
		want := map[int64]string{2: `{"text":"Grüß Gott"}`, 3: "Good morning\r\n", 4: "  [noise] Hello", 5: "42"}
		for id := range int64(6) {
			a.Add(vbctest.Recording{ID: id + 1, Start: day.Add(time.Duration(id) * time.Hour), Transcript: want[id+1]})
		}
		delete(want, 2) // before since
		got := map[int64]string{}
		for page, err := range c.Transcripts("self", day.Add(90*time.Minute), time.Time{}, 100).Pages(t.Context(), again(c, 1)) {
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			for _, text := range page {
				err := again(c, 1)(t.Context(), func(ctx context.Context, s *vbc.Slot) error {
					body, isJSON, err := s.Transcript(ctx, text)
					if isJSON != (text.Recording == 5) {
						t.Errorf("%q is JSON: %v", body, isJSON)
					}
					got[text.Recording] = string(body)
					return err
				})
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
		if !maps.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}
