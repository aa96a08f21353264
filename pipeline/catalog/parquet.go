package catalog

import (
	"io"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"
)

// recording is an entry in Parquet: what isn't known is null. Times are UTC, in
// milliseconds. What repeats has a dictionary.
type recording struct {
	Account    string    `parquet:"account,dict"`
	Kind       string    `parquet:"kind,dict"`
	User       *string   `parquet:"user,optional,dict"`
	ID         int64     `parquet:"id"`
	Start      time.Time `parquet:"start,timestamp(millisecond)"`
	DurationMS *int64    `parquet:"duration_ms,optional"`
	Direction  *string   `parquet:"direction,optional,dict"`
	CallerID   *string   `parquet:"caller_id,optional,dict"`
	CNAM       *string   `parquet:"cnam,optional,dict"`
	DNIS       *string   `parquet:"dnis,optional,dict"`
	Extensions []string  `parquet:"extensions,list" parquet-element:",dict"`
	RuleIDs    []string  `parquet:"rule_ids,list" parquet-element:",dict"`
	CallID     *string   `parquet:"call_id,optional,plain"`
	FileName   *string   `parquet:"file_name,optional,plain"`
	State      string    `parquet:"state,dict"`
	ArchivedAt *int64    `parquet:"archived_at,optional,timestamp(millisecond)"`
	Bytes      *int64    `parquet:"bytes,optional"`
	Key        *string   `parquet:"key,optional,plain"`
	SHA256     *string   `parquet:"sha256,optional,plain"`
	Sidecar    *string   `parquet:"sidecar_key,optional,plain"`
	Transcript *string   `parquet:"transcript_key,optional,plain"`
}

func recordingOf(e Entry) recording {
	r := recording{
		Account: e.Account, Kind: e.Kind, User: known(e.User), ID: e.ID, Start: e.Start, DurationMS: e.DurationMS, Direction: known(e.Direction),
		CallerID: known(e.CallerID), CNAM: known(e.CNAM), DNIS: known(e.DNIS), Extensions: e.Extensions, RuleIDs: e.RuleIDs,
		CallID: known(e.CallID), FileName: known(e.FileName), State: e.State, Key: known(e.Key), Sidecar: known(e.Sidecar), Transcript: known(e.Transcript),
	}
	if !e.ArchivedAt.IsZero() {
		ms := e.ArchivedAt.UnixMilli()
		r.ArchivedAt = &ms
	}
	if e.Bytes >= 0 {
		r.Bytes = &e.Bytes
	}
	if !e.SHA256.IsZero() {
		r.SHA256 = known(e.SHA256.String())
	}
	return r
}

// known is nil for "": what is optional has to be a pointer, since the writer
// takes some zero values for what is there.
func known(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// What a group of rows holds at most, all of which is in memory until it is
// written: so many rows, and about so many bytes of text.
const (
	groupRows  = 10_000
	groupBytes = 16 << 20
	batchRows  = 256 // handed to the writer at once
)

// parquetRows is a Parquet file, written group by group.
type parquetRows struct {
	*parquet.GenericWriter[recording]
	batch []recording
	rows  int // of the group
	bytes int
}

func newParquet(w io.Writer) *parquetRows {
	return &parquetRows{GenericWriter: parquet.NewGenericWriter[recording](w,
		parquet.DataPageVersion(1), // which every reader knows, as it does plain encodings
		parquet.Compression(&zstd.Codec{Level: zstd.SpeedFastest, Concurrency: 1}), // whose window is the smallest
		parquet.CreatedBy("vbcvault", "1", "parquet-go"),                           // and no more: the same entries make the same bytes
		parquet.SortingWriterConfig(parquet.SortingColumns(parquet.Ascending("start"))),
	)}
}

func (p *parquetRows) write(e Entry) error {
	p.batch = append(p.batch, recordingOf(e))
	p.rows++
	for _, texts := range [][]string{{e.CallerID, e.CNAM, e.DNIS, e.CallID, e.FileName, e.Key, e.Sidecar, e.Transcript}, e.Extensions, e.RuleIDs} {
		for _, text := range texts {
			p.bytes += len(text)
		}
	}
	full := p.rows == groupRows || p.bytes >= groupBytes
	if !full && len(p.batch) < batchRows {
		return nil
	}
	if err := p.hand(); err != nil || !full {
		return err
	}
	p.rows, p.bytes = 0, 0
	return p.Flush()
}

// hand gives the batch to the writer.
func (p *parquetRows) hand() error {
	_, err := p.Write(p.batch)
	clear(p.batch)
	p.batch = p.batch[:0]
	return err
}

func (p *parquetRows) end() error {
	if err := p.hand(); err != nil {
		return err
	}
	return p.Close()
}
