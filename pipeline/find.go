package pipeline

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/evidence"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// find looks in the store for a copy of a recording that VBC has no more and
// of which the manifest knows no copy. If there is a proven one, the recording
// is archived, and that is written down.
func (r *run) find(row *item) (found bool, err error) {
	c, err := r.search(row.Recording)
	if err != nil || !c.Known() {
		return false, err
	}
	row.Copy = c
	ev, err := r.prove(row)
	if isA[*evidence.Mismatch](err) {
		return false, nil // a damaged copy is none
	}
	if err != nil {
		return false, err
	}
	outcome := receipt.New(receipt.Result, r.id, row.Recording)
	audio, side := ev.Audio(), ev.Sidecar()
	outcome.Outcome, outcome.Destination = receipt.NotThere, r.store.String()
	outcome.Audio, outcome.Sidecar, outcome.Verified = &audio, &side, ev.At().UTC()
	if err := r.manifest.Found(r.work, row.Recording, proofOf(ev, c), outcome); err != nil {
		return false, err
	}
	r.stats.AlreadyArchived.Add(1)
	r.log.Info("VBC has this recording no more, and the destination has a proven copy that this manifest didn't know", "recording", row.Recording.String())
	return true, nil
}

// search finds the sidecar of a recording under its keys, and the audio that
// goes with it. Nothing is proven by that.
func (r *run) search(rec vbc.Recording) (c manifest.Copy, err error) {
	base, err := stem(rec)
	if err != nil {
		return c, err
	}
	var sidecars, audios []storage.Object
	for o, err := range r.store.List(r.work, base) {
		switch rest := strings.TrimPrefix(o.Key, base); {
		case err != nil:
			return c, &storeError{fmt.Errorf("look for a copy of %s: %w", rec, err)}
		case !strings.HasPrefix(rest, ".") && !strings.HasPrefix(rest, "-"): // a longer id
		case path.Ext(o.Key) == ".json":
			sidecars = append(sidecars, o)
		default:
			audios = append(audios, o)
		}
	}
	for _, s := range sidecars {
		body, err := r.read(s)
		if err != nil {
			return c, &storeError{err}
		}
		var has sidecar
		if json.Unmarshal(body, &has) != nil || has.Account != rec.Account || has.Kind != rec.Kind || has.Owner != rec.Owner || !sameCall(has.Recording, rec) {
			continue
		}
		for _, a := range audios {
			if a.Size == has.Size {
				a.SHA256 = has.SHA256
				s.Content = storage.Content{Size: int64(len(body)), SHA256: storage.SumOf(body)}
				return manifest.Copy{Audio: a, Sidecar: s, StoredAt: has.ArchivedAt, ArchivedAt: time.Time{}}, nil
			}
		}
	}
	return c, nil
}

// sameCall reports whether a sidecar's recording is this one, whatever has
// become of its download_url.
func sameCall(raw json.RawMessage, rec vbc.Recording) bool {
	has := vbc.ParseRecording(rec.Kind, rec.Owner, raw)
	return has.Unreadable == "" && has.ID == rec.ID && has.Start.Equal(rec.Start) && has.Size == rec.Size && has.CallID == rec.CallID
}

// read reads a small object.
func (r *run) read(o storage.Object) ([]byte, error) {
	body, err := r.store.Open(r.work, o)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	b, err := io.ReadAll(io.LimitReader(body, maxSidecar+1))
	if err == nil && len(b) > maxSidecar {
		err = errors.New("it is too large")
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", o.Key, err)
	}
	return b, nil
}
