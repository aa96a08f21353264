package manifest

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/vbcvault/vbcvault/vbc"
)

// RunOptions is what of a run's options is written down, so that later ones and
// status know what it was about. Its JSON is a contract: fields are added, and
// none is renamed or changes its meaning. There are no secrets in it, and no
// caller's name or number.
type RunOptions struct {
	Form    int    `json:"form"`              // 1; what has none was written by a program of format 8 or older
	Version string `json:"version,omitempty"` // of the program

	Account   string     `json:"account"`                      // number or "self"
	Cutoff    time.Time  `json:"cutoff"`                       // recordings that start strictly before it
	OlderThan Seconds    `json:"older_than_seconds,omitempty"` // the age that the cutoff was reckoned from; 0 = it was given as a time
	Since     time.Time  `json:"since,omitzero"`               // and not before this
	Kinds     []vbc.Kind `json:"kinds"`
	Users     []string   `json:"users"`            // of on-demand recordings: "self", "all", numbers
	Filter    string     `json:"filter,omitempty"` // as vbc.Filter.String has it, with digests; "" = everything

	Delete      bool    `json:"delete"`
	DeleteAfter Seconds `json:"delete_after_seconds,omitempty"`
	MaxDeletes  *int    `json:"max_deletes,omitempty"`
	Plan        string  `json:"plan,omitempty"` // SHA-256 of the confirmed plan

	NoTranscripts bool `json:"no_transcripts,omitempty"`
	Catalog       bool `json:"catalog,omitempty"`

	RetryFailed bool `json:"retry_failed,omitempty"`
	MaxFailures int  `json:"max_failures"`

	AcceptSizeMismatch bool   `json:"accept_size_mismatch,omitempty"`
	AcceptFormat       bool   `json:"accept_format,omitempty"`
	AcceptEqualAudio   bool   `json:"accept_equal_audio,omitempty"`
	AllowExpiring      bool   `json:"allow_expiring,omitempty"`
	ReadBack           string `json:"read_back,omitempty"`
	Moved              bool   `json:"moved,omitempty"`
	TrustArchive       bool   `json:"trust_archive,omitempty"`

	Fetch         string  `json:"fetch,omitempty"`
	SpoolDir      string  `json:"spool_dir,omitempty"`
	ExportLimit   int64   `json:"export_limit_bytes,omitempty"`
	FullScan      bool    `json:"full_scan,omitempty"`
	FullScanEvery Seconds `json:"full_scan_every_seconds,omitempty"`
	MaxWait       Seconds `json:"max_wait_seconds,omitempty"`
	Drain         Seconds `json:"drain_seconds,omitempty"`
	Workers       int     `json:"workers"`
	PageSize      int     `json:"page_size,omitempty"`
}

// optionsForm is the form in which options are written now.
const optionsForm = 1

// Seconds is a duration that is a number of seconds in JSON.
type Seconds time.Duration

// MarshalJSON writes it as a number of seconds.
func (s Seconds) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, time.Duration(s).Seconds(), 'f', -1, 64), nil
}

// UnmarshalJSON reads what MarshalJSON has written.
func (s *Seconds) UnmarshalJSON(b []byte) error {
	var n float64
	err := json.Unmarshal(b, &n)
	*s = Seconds(n * float64(time.Second))
	return err
}

// Written is the form in which options are written down.
func (o RunOptions) Written() ([]byte, error) {
	o.Form = optionsForm
	return json.Marshal(o)
}

// ReadOptions reads what a run has written down of its options, nil if that
// can't be read. None is worth an error: whoever asks knows less.
func ReadOptions(written []byte) *RunOptions {
	var o RunOptions
	if json.Unmarshal(written, &o) == nil && o.Form > 0 {
		return &o
	}
	return undeclaredOptions(written)
}

// undeclaredOptions reads the form that programs of format 8 and older wrote:
// their own structure, with the names that it had, and durations in nanoseconds.
func undeclaredOptions(written []byte) *RunOptions {
	var o struct {
		Account, Version, ReadBack, Fetch, SpoolDir string
		Cutoff, Since                               time.Time
		Kinds                                       []vbc.Kind
		Users                                       []string
		Filter                                      json.RawMessage // a text with digests, or the fields of a vbc.Filter

		Delete, NoTranscripts, Catalog, RetryFailed, FullScan             bool
		AcceptSizeMismatch, AcceptFormat, AcceptEqualAudio, AllowExpiring bool
		DeleteAfter, FullScanEvery, MaxWait, Drain                        time.Duration
		MaxDeletes                                                        *int
		MaxFailures, Workers, PageSize                                    int
		ExportLimit                                                       int64
	}
	if json.Unmarshal(written, &o) != nil || o.Cutoff.IsZero() {
		return nil
	}
	var filter string
	if len(o.Filter) > 0 && json.Unmarshal(o.Filter, &filter) != nil {
		var fields vbc.Filter
		if json.Unmarshal(o.Filter, &fields) != nil {
			return nil
		}
		filter = fields.String()
	}
	return &RunOptions{
		Version: o.Version, Account: o.Account, Cutoff: o.Cutoff, Since: o.Since, Kinds: o.Kinds, Users: o.Users, Filter: filter,
		Delete: o.Delete, DeleteAfter: Seconds(o.DeleteAfter), MaxDeletes: o.MaxDeletes,
		NoTranscripts: o.NoTranscripts, Catalog: o.Catalog, RetryFailed: o.RetryFailed, MaxFailures: o.MaxFailures,
		AcceptSizeMismatch: o.AcceptSizeMismatch, AcceptFormat: o.AcceptFormat, AcceptEqualAudio: o.AcceptEqualAudio,
		AllowExpiring: o.AllowExpiring, ReadBack: o.ReadBack, Fetch: o.Fetch, SpoolDir: o.SpoolDir, ExportLimit: o.ExportLimit,
		FullScan: o.FullScan, FullScanEvery: Seconds(o.FullScanEvery), MaxWait: Seconds(o.MaxWait), Drain: Seconds(o.Drain),
		Workers: o.Workers, PageSize: o.PageSize,
	}
}
