package handover

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// lists adds what says what is in the ZIP, and puts it first.
func (m *maker) lists() error {
	n := len(m.plan.Entries)
	index, err := m.plan.index()
	if err != nil {
		return err
	}
	if err := m.text(-1, "README.txt", m.plan.readme()); err != nil {
		return err
	}
	if err := m.text(-1, "index.csv", index); err != nil {
		return err
	}
	m.plan.Entries = append(append([]Entry{}, m.plan.Entries[n:]...), m.plan.Entries[:n]...)
	return nil
}

// Unproven are the recordings that have no proof, and Absent those that have no audio.
func (p *Plan) Unproven() (all []Item) { return p.which(func(i Item) bool { return !i.Proven() }) }

// Absent are the recordings that have no audio.
func (p *Plan) Absent() (all []Item) { return p.which(func(i Item) bool { return i.Audio == "" }) }

// Troubled are the recordings of which something is to be said.
func (p *Plan) Troubled() (all []Item) { return p.which(func(i Item) bool { return i.Problem != "" }) }

func (p *Plan) which(is func(Item) bool) (all []Item) {
	for _, i := range p.Items {
		if is(i) {
			all = append(all, i)
		}
	}
	return all
}

const readme = `CALL RECORDINGS, HANDED OVER BY VBCVAULT

Handed over by:  %s
Made:            %s
Reason:          %s
Recordings:      %d
  with audio:    %d
  with a proof:  %d

Each recording has a folder of its own. In it are

  the audio, as it came from Vonage Business Communications,
  the metadata (.json): who called whom, when, for how long,
  the transcript, if there is one,
  receipts/, SHA256SUMS and index.html: the proof that the copy is what was
  archived. Open index.html: it says in plain English what is proven, and how
  to check that, with vbcvault check-proof FOLDER --key KEY or without it.
  Get the key from whoever looks after the archive, and not out of this ZIP.

index.csv lists all recordings. Some spreadsheets read it only once they are
told that it is UTF-8, with commas. A cell that begins with ' is text.

These are recordings of people. Protect this ZIP as you protect the recordings,
and delete it when it is no longer needed.
`

// readme is what somebody reads first.
func (p *Plan) readme() string {
	var b strings.Builder
	n := len(p.Items)
	fmt.Fprintf(&b, readme, oneLine(p.Who), p.At.UTC().Format("2 January 2006, 15:04 UTC"), oneLine(p.Reason), n, n-len(p.Absent()), n-len(p.Unproven()))
	if troubled := p.Troubled(); len(troubled) > 0 {
		b.WriteString("\nWHAT IS NOT IN HERE, OR HAS NO PROOF\n\n")
		for _, i := range troubled {
			fmt.Fprintf(&b, "%s: recording %d of %s\n  %s\n", i.Folder, i.ID, i.Start.Format(time.RFC3339), i.Problem)
		}
	}
	return strings.ReplaceAll(b.String(), "\n", "\r\n") // for editors that know no other
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// index is the list of all recordings.
func (p *Plan) index() (string, error) {
	var b bytes.Buffer
	b.WriteString("\ufeff") // so that spreadsheets read it as UTF-8
	w := csv.NewWriter(&b)
	w.UseCRLF = true
	rows := [][]string{{
		"folder", "account", "kind", "owner", "id", "start", "duration_seconds", "direction", "from", "from_name", "to", "extensions",
		"audio", "bytes", "sha256", "receipts", "remark",
	}}
	for _, i := range p.Items {
		r, seconds := i.Row, ""
		if d := r.Duration; d > 0 {
			seconds = strconv.FormatFloat(d.Seconds(), 'f', 0, 64)
		}
		rows = append(rows, []string{
			i.Folder, i.Account, i.Kind, i.Owner, strconv.FormatInt(i.ID, 10), i.Start.Format(time.RFC3339), seconds,
			text(r.Direction), text(r.CallerID), text(r.CNAM), text(r.DNIS), text(strings.Join(r.Extensions, " ")),
			i.Audio, strconv.FormatInt(i.AudioSize, 10), i.SHA256, strconv.Itoa(i.Receipts), i.Problem,
		})
	}
	if err := w.WriteAll(rows); err != nil {
		return "", err
	}
	return b.String(), nil
}

// text is a cell with somebody else's text, which no spreadsheet takes for a formula.
func text(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r'", rune(s[0])) {
		return "'" + s
	}
	return s
}
