package pipeline

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// PlanFile is what a dry run would delete, written down so that somebody can
// look at it and confirm it. It is JSON lines: one for each recording, and a
// last one with what the plan is about, the number of recordings, their bytes, and
// the SHA-256 of all that. It holds ids and times, and no caller's data.
type PlanFile struct {
	PlanTotal
	listed map[vbc.Key]planned
}

// PlanTotal is the last line of a plan.
type PlanTotal struct {
	Format      int            `json:"vbcvault_plan"` // 2
	Made        time.Time      `json:"made"`          // UTC
	Account     string         `json:"account"`
	Destination string         `json:"destination"`
	Cutoff      time.Time      `json:"cutoff"`
	Count       int64          `json:"count"`
	Bytes       int64          `json:"bytes"`
	SHA256      storage.Digest `json:"sha256"` // of all lines before this one, and of this one without it
}

// planFormat is the form of plans. The digest of those in form 1 doesn't cover
// what they are about.
const planFormat = 2

// PlanFormat is the form of the plans that are written; those of an earlier one are refused.
const PlanFormat = planFormat

// seal is the digest of a plan with these lines, whose sum is given.
func (t PlanTotal) seal(lines hash.Hash) (storage.Digest, error) {
	t.SHA256 = storage.Digest{}
	line, err := json.Marshal(t)
	if err != nil {
		return storage.Digest{}, err
	}
	lines.Write(line)
	return storage.Digest(lines.Sum(nil)), nil
}

type planned struct {
	start, size int64
}

type planLine struct {
	Kind  vbc.Kind  `json:"kind"`
	Owner string    `json:"owner,omitempty"`
	ID    int64     `json:"id"`
	Start time.Time `json:"start"`
	Size  int64     `json:"size"`
}

// Lists reports whether the plan lists exactly this recording.
func (p *PlanFile) Lists(r vbc.Recording) bool {
	l, ok := p.listed[r.Key()]
	return ok && l == planned{r.Start.UnixMilli(), r.Size}
}

// isOfNothing reports whether a plan lists nothing, and was made where nothing told
// which account it is for: it allows nothing anywhere.
func (p *PlanFile) isOfNothing() bool { return p.Account == "" && p.Count == 0 }

// planWriter writes a plan line by line.
type planWriter struct {
	w     io.Writer
	sum   hash.Hash
	total PlanTotal
}

func newPlanWriter(w io.Writer) *planWriter { return &planWriter{w: w, sum: sha256.New()} }

func (p *planWriter) add(r vbc.Recording) error {
	line, err := json.Marshal(planLine{r.Kind, r.Owner, r.ID, r.Start.UTC(), r.Size})
	if err != nil {
		return err
	}
	p.total.Count++
	p.total.Bytes += max(r.Size, 0)
	line = append(line, '\n')
	p.sum.Write(line)
	_, err = p.w.Write(line)
	return err
}

// finish writes the last line.
func (p *planWriter) finish(account, destination string, cutoff time.Time) (PlanTotal, error) {
	p.total.Format, p.total.Made = planFormat, time.Now().UTC().Truncate(time.Second)
	p.total.Account, p.total.Destination, p.total.Cutoff = account, destination, cutoff.UTC()
	var err error
	if p.total.SHA256, err = p.total.seal(p.sum); err != nil {
		return p.total, err
	}
	return p.total, json.NewEncoder(p.w).Encode(p.total)
}

// ReadPlan reads what a dry run has written. A plan that was cut off, changed
// or put together is refused whole.
func ReadPlan(r io.Reader) (*PlanFile, error) {
	p := &PlanFile{listed: map[vbc.Key]planned{}}
	sum, size := sha256.New(), int64(0)
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		var l planLine
		switch err := json.Unmarshal(lines.Bytes(), &l); {
		case p.Format != 0:
			return nil, fmt.Errorf("line %d: there is text after the end of the plan", n)
		case err != nil:
			return nil, fmt.Errorf("line %d is not a line of a plan: %w", n, err)
		case l.ID > 0:
			key := vbc.Key{Kind: l.Kind, Owner: l.Owner, ID: l.ID}
			if _, twice := p.listed[key]; twice {
				return nil, fmt.Errorf("line %d: %s recording %d is listed twice", n, l.Kind, l.ID)
			}
			p.listed[key] = planned{l.Start.UnixMilli(), l.Size}
			size += max(l.Size, 0)
			sum.Write(lines.Bytes())
			sum.Write([]byte{'\n'})
		case json.Unmarshal(lines.Bytes(), &p.PlanTotal) != nil || p.Format == 0:
			return nil, fmt.Errorf("line %d is not a line of a plan", n)
		}
	}
	sealed, err := p.seal(sum)
	switch {
	case err != nil:
		return nil, err
	case lines.Err() != nil:
		return nil, lines.Err()
	case p.Format == 0:
		return nil, errors.New("its last line is missing: it was cut off, or is not a plan")
	case p.Format < planFormat:
		return nil, fmt.Errorf("it was written by an earlier version of vbcvault (format %d), and its checksum doesn't cover its account, destination and cutoff: write a new one with --dry-run --plan", p.Format)
	case p.Format != planFormat:
		return nil, fmt.Errorf("it has format %d, but this program knows format %d", p.Format, planFormat)
	case p.Count != int64(len(p.listed)) || p.Bytes != size || p.SHA256 != sealed:
		return nil, errors.New("it was changed: its checksum doesn't match its lines, account, destination and cutoff")
	}
	return p, nil
}
