package vbctest

import (
	"fmt"
	"io"
	"maps"
	"time"
)

// Kind is a collection of recordings.
type Kind string

const (
	Company  Kind = "company"
	OnDemand Kind = "on-demand"
)

// Recording is one simulated recording. Kind, Start and ID matter; the rest
// has defaults.
type Recording struct {
	Kind     Kind  // "" = Company
	User     int64 // owner; on-demand only, 0 = the account's SelfUser
	ID       int64
	Start    time.Time
	Duration time.Duration // 0 = depends on Size
	Size     int64         // bytes of audio; 0 = 8 to 40 kB, depending on ID
	Sound    Sound         // the audio itself, which then says its size; nil = simulated

	RawStart     string         // served in place of Start, "" = Start
	DeclaredSize int64          // served as file_size_in_bytes, 0 = Size
	DownloadURL  string         // served in place of the honest address
	Transcript   string         // company only; "" = there is none
	Extra        map[string]any // more fields, or others
}

// Sound is audio: whole, and the same each time. It is read concurrently.
type Sound interface {
	io.ReaderAt
	Size() int64
}

const timeLayout = "2006-01-02T15:04:05-0700"

func (r *Recording) setDefaults(self int64) {
	if r.Kind == "" {
		r.Kind = Company
	}
	switch {
	case r.Kind == Company:
		r.User = 0
	case r.User == 0:
		r.User = self
	}
	switch {
	case r.Sound != nil:
		r.Size = r.Sound.Size()
	case r.Size == 0:
		r.Size = 8<<10 + (r.ID*7919)%(32<<10)
	}
	if r.Duration == 0 {
		r.Duration = time.Duration(r.Size) * time.Second / 2000 // 16 kbit/s
	}
	if r.DeclaredSize == 0 {
		r.DeclaredSize = r.Size
	}
	r.Start = r.Start.UTC()
}

func (r *Recording) set() setKey { return setKey{r.Kind, r.User} }

func (r *Recording) before(o *Recording) bool {
	if !r.Start.Equal(o.Start) {
		return r.Start.Before(o.Start)
	}
	return r.ID < o.ID
}

var directions = []string{"INBOUND", "OUTBOUND", "INTRA_PBX"}

func (r *Recording) direction() string { return directions[r.ID%3] }
func (r *Recording) callID() string    { return fmt.Sprintf("c91150a6-8cc4-4e73-9fef-%012d", r.ID) }
func (r *Recording) callerID() string  { return fmt.Sprintf("1732555%04d", r.ID%200+100) }
func (r *Recording) dnis() string      { return fmt.Sprintf("1212555%04d", r.ID%100+100) }
func (r *Recording) cnam() string      { return fmt.Sprintf("CALLER %d", r.ID%200) }
func (r *Recording) extension() string { return fmt.Sprint(100 + r.ID%50) }

// FileName is the recording's file_name, in a listing and in a ZIP.
func (r *Recording) FileName(a *Account) string {
	if name, ok := r.Extra["file_name"].(string); ok {
		return name
	}
	return fmt.Sprintf("%d.%s.%d.mp3", a.cfg.Account, r.callerID(), r.Start.UnixMilli())
}

// json is the recording as the API shows it. host is where the client has
// reached us, so that the links lead back.
func (r *Recording) json(a *Account, host string) map[string]any {
	start := r.RawStart
	if start == "" {
		start = r.Start.Format(timeLayout)
		if a.cfg.RoundStarts {
			start = r.Start.Round(time.Second).Format(timeLayout)
		}
	}
	m := map[string]any{
		"id": r.ID, "start": start, "end": r.Start.Add(r.Duration).Format(timeLayout), "duration": r.Duration.Milliseconds(),
		"file_name":          r.FileName(a),
		"file_size_in_bytes": r.DeclaredSize, "download_url": r.downloadURL(host),
		"call_direction": r.direction(), "call_id": r.callID(), "cnam": r.cnam(), "dnis": r.dnis(), "rule_ids": []int64{1989, 2012},
	}
	// The vendor's examples show these as numbers and as strings.
	if r.ID%2 == 0 {
		m["caller_id"], m["extensions"] = r.callerID(), []string{r.extension()}
	} else {
		m["caller_id"], m["extensions"] = 17320000000+r.ID%1000, []int64{100 + r.ID%50}
	}
	if !a.cfg.NoSelfLinks {
		m["_links"] = map[string]any{"self": map[string]any{"href": fmt.Sprintf("%s%s/%d", host, a.collectionPath(r.set(), fmt.Sprint(a.cfg.Account), fmt.Sprint(r.User)), r.ID)}}
	}
	maps.Copy(m, r.Extra)
	return m
}

// downloadURL has the form without v1, as in the vendor's examples. The
// endpoint doesn't separate the kinds: the query does.
func (r *Recording) downloadURL(host string) string {
	if r.DownloadURL != "" {
		return r.DownloadURL
	}
	u := fmt.Sprintf("%s/t/vbc.prod/call_recording/api/audio/recording/%d", host, r.ID)
	if r.Kind == OnDemand {
		u += fmt.Sprintf("?type=on_demand&user=%d", r.User)
	}
	return u
}

// collectionPath is the path of a collection, for a reader who called account
// and user so.
func (a *Account) collectionPath(k setKey, account, user string) string {
	if k.kind == OnDemand {
		return fmt.Sprintf("%s/accounts/%s/users/%s/call_recordings", a.cfg.APIRoot, account, user)
	}
	return fmt.Sprintf("%s/accounts/%s/company_call_recordings", a.cfg.APIRoot, account)
}
