package proof

import (
	"bytes"
	_ "embed" // the page
	"fmt"
	"html/template"
	"path"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/vbc"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New(pageName).Funcs(template.FuncMap{
	"utc": utc,
}).Parse(pageText))

// page is what the page shows. No text that VBC has sent is in it: ids, times,
// digests and names of files only.
type page struct {
	Account string
	Kind    vbc.Kind
	Owner   string
	ID      int64
	Start   time.Time
	Program string

	Summary string
	Events  []Event
	Copy    []CopyFile
	Voucher string // the file of the receipt that names the copy
	Logs    []pageLog
}

// pageLog is a log on the page.
type pageLog struct {
	Dir, Verifier string
	Checkpoint    receipt.Checkpoint
	Receipts      []string // files
}

// pageOf makes the page.
func pageOf(c Contents) ([]byte, error) {
	p := page{
		Account: c.Recording.Account, Kind: c.Recording.Kind, Owner: c.Recording.Owner, ID: c.Recording.ID,
		Start: c.Recording.Start, Program: c.Program,
	}
	var logs [][]told
	for _, l := range c.Logs {
		at, err := receipt.ParseCheckpoint(string(l.Checkpoint))
		if err != nil {
			return nil, fmt.Errorf("write the page: %w", err)
		}
		shown := pageLog{Dir: path.Join(receiptsName, l.Name), Verifier: l.Verifier, Checkpoint: at}
		var all []told
		for _, line := range l.Lines {
			file := path.Join(shown.Dir, line.name()) + entryEnding
			shown.Receipts = append(shown.Receipts, file)
			all = append(all, told{line.Entry, file})
		}
		p.Logs, logs = append(p.Logs, shown), append(logs, all)
	}
	s := storyOf(merged(logs))
	p.Summary, p.Events = s.summary(), s.events()
	if s.voucher != nil && !s.erased {
		p.Voucher = s.voucher.file
	}
	for _, part := range c.Copy {
		p.Copy = append(p.Copy, CopyFile{part.What, part.Name(), part.Object.Content})
	}
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, p); err != nil {
		return nil, fmt.Errorf("write the page: %w", err)
	}
	return b.Bytes(), nil
}
