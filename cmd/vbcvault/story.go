package main

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/story"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// whichOne says which recording status is about.
type whichOne struct {
	id         int64
	kind, user string
}

// stories are those of all recordings that have had an id. Its JSON is a contract.
type stories struct {
	Manifest    string        `json:"manifest"`
	Account     string        `json:"account"`
	Destination string        `json:"destination"`
	Recordings  []story.Story `json:"recordings"` // the one that VBC showed last at the end
}

// tell shows the stories of the recordings that have had an id.
func (which whichOne) tell(ctx context.Context, s streams, path string, asJSON bool) error {
	key, err := parseKey(which.kind, which.user, which.id)
	if err != nil {
		return err
	}
	return withManifest(ctx, path, func(path string, m manifest.Opened) error {
		rows, err := m.All(ctx, key)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return usagef("vbcvault list --text finds recordings by name and number", "%s recording %d is %v", key.Kind, key.ID, manifest.ErrUnknown)
		}
		b, err := m.Binding(ctx)
		if err != nil {
			return err
		}
		all := stories{Manifest: path, Account: b.Account, Destination: b.Destination}
		for _, row := range rows {
			one, err := story.Of(ctx, m, row, time.Now())
			if err != nil {
				return err
			}
			heard, err := story.Listened(ctx, m, row)
			if err != nil {
				return err
			}
			one.Events = append(one.Events, heard...)
			slices.SortStableFunc(one.Events, func(a, b story.Event) int { return a.At.Compare(b.At) })
			all.Recordings = append(all.Recordings, one)
		}
		if asJSON {
			return json.NewEncoder(s.out).Encode(all)
		}
		all.print(s)
		return nil
	})
}
