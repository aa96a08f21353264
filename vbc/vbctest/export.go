package vbctest

import (
	"archive/zip"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/url"
	"time"
)

// Job is one export job: a snapshot of what a filter matched.
type Job struct {
	ID         string
	set        setKey
	recordings []Recording
	polls      int // how often its state was asked for
	made       time.Time
}

// ZipEntry is one entry of an export's ZIP, to be changed by Config.Zip.
type ZipEntry struct {
	Name    string
	Body    io.Reader
	Deflate bool
	Size    int64  // what its header declares; -1 = the truth
	CRC     uint32 // with a Size: what its header declares
}

// Jobs returns the export jobs, the oldest first.
func (a *Account) Jobs() []Job {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := make([]Job, len(a.jobs))
	for i, j := range a.jobs {
		out[i] = *j
	}
	return out
}

// Recordings is what the job packs.
func (j Job) Recordings() []Recording { return j.recordings }

// serveExport starts a job. The filters are strict: a field that the API
// doesn't have is refused, and so is a query.
func (a *Account) serveExport(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	k, ok := a.collection(w, r)
	if !ok {
		return
	}
	var filters map[string]any
	d := json.NewDecoder(io.LimitReader(r.Body, 1<<16))
	d.UseNumber()
	if r.Header.Get("Content-Type") != "application/json" || d.Decode(&filters) != nil || filters == nil {
		backendError(w, http.StatusBadRequest, "the body must be a JSON object of filters")
		return
	}
	q := listQuery{fields: map[string]string{}}
	for name, v := range filters {
		text, isText := v.(string)
		number, isNumber := v.(json.Number)
		duration := name == "duration:gte" || name == "duration:lte"
		if duration {
			text = number.String()
		}
		if name == "page" || name == "page_size" || name == "order" || isText == duration || isNumber != duration || text == "" {
			backendError(w, http.StatusBadRequest, fmt.Sprintf("invalid filter %.40q", name))
			return
		}
		if err := q.set(a, name, text); err != nil {
			backendError(w, http.StatusBadRequest, err.Error())
			return
		}
	}
	matching := q.filter(a, a.sorted(k))
	per := len(matching)
	if a.cfg.ExportFiles > 0 {
		per = a.cfg.ExportFiles
	}
	ids := []string{}
	for first := true; first || len(matching) > 0; first = false {
		j := &Job{ID: fmt.Sprintf("7a688e12-99ee-4816-8385-%012d", len(a.jobs)+1), set: k, made: a.cfg.Now()}
		n := min(per, len(matching))
		for _, rec := range matching[:n] {
			j.recordings = append(j.recordings, *rec)
		}
		matching = matching[n:]
		a.jobs = append(a.jobs, j)
		ids = append(ids, j.ID)
	}
	writeJSON(w, http.StatusAccepted, map[string]any{"job_ids": ids})
}

// job finds a job that is still valid. The caller holds mu.
func (a *Account) job(id string) *Job {
	for _, j := range a.jobs {
		if j.ID == id && a.cfg.Now().Before(j.made.Add(a.cfg.ExportTTL)) {
			return j
		}
	}
	return nil
}

// serveJob says how far a job has come; each time somebody asks, further.
func (a *Account) serveJob(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, ok := a.collection(w, r); !ok {
		return
	}
	j := a.job(r.PathValue("job"))
	if j == nil {
		backendError(w, http.StatusNotFound, "Export job not found")
		return
	}
	j.polls++
	user := j.set.user
	if user == 0 {
		user = a.cfg.SelfUser
	}
	total, done := len(j.recordings), len(j.recordings)
	m := map[string]any{
		"id": j.ID, "files_total": total,
		"_links": map[string]any{"self": map[string]any{"href": fmt.Sprintf("%s%s/accounts/%d/users/%d/call_recordings/jobs/%s", hostOf(r), a.cfg.APIRoot, a.cfg.Account, user, j.ID)}},
	}
	switch {
	case a.cfg.ExportFails:
		m["status"] = "failed"
	case j.polls <= a.cfg.ExportPolls:
		done = total * j.polls / (a.cfg.ExportPolls + 1)
		m["status"] = "in_progress"
	default:
		m["status"] = "complete"
		m["download_url"] = hostOf(r) + plainRoot + "/bulkDownload/retrieve?" + url.Values{"job_id": {j.ID}, "login_name": {a.cfg.Username}}.Encode()
		m["valid_until"] = j.made.Add(a.cfg.ExportTTL).UTC().Format(timeLayout)
	}
	m["files_completed"] = done
	writeJSON(w, http.StatusOK, m)
}

// serveZip packs a job's recordings, as they were when it was made. Recordings
// that were deleted since are in it: that is what a job has packed.
func (a *Account) serveZip(w http.ResponseWriter, r *http.Request, f *Fault) {
	q := r.URL.Query()
	a.mu.Lock()
	j := a.job(q.Get("job_id"))
	ready := j != nil && j.polls > a.cfg.ExportPolls && !a.cfg.ExportFails
	a.mu.Unlock()
	switch {
	case q.Get("login_name") != a.cfg.Username || len(q) != 2:
		backendError(w, http.StatusBadRequest, "job_id and login_name are required")
		return
	case !ready:
		backendError(w, http.StatusNotFound, "Export not found")
		return
	}
	entries := make([]ZipEntry, len(j.recordings))
	for i, rec := range j.recordings {
		entries[i] = ZipEntry{Name: rec.FileName(a), Body: rec.Audio(), Size: -1}
	}
	if a.cfg.Zip != nil {
		entries = a.cfg.Zip(j.recordings, entries)
	}
	w.Header().Set("Content-Type", "application/zip")
	out := io.Writer(w)
	if f.CutAfter > 0 {
		out = &cutter{w: w, left: f.CutAfter}
	}
	z := zip.NewWriter(out)
	for _, e := range entries {
		if err := e.write(z); err != nil {
			panic(http.ErrAbortHandler) // cut off, or the client has gone
		}
	}
	if z.Close() != nil {
		panic(http.ErrAbortHandler)
	}
}

func (e ZipEntry) write(z *zip.Writer) error {
	h := &zip.FileHeader{Name: e.Name, Method: zip.Store}
	if e.Deflate {
		h.Method = zip.Deflate
	}
	if e.Size < 0 {
		w, err := z.CreateHeader(h)
		if err == nil {
			_, err = io.Copy(w, e.Body)
		}
		return err
	}
	body, err := io.ReadAll(e.Body)
	if err != nil {
		return err
	}
	h.CRC32, h.CompressedSize64, h.UncompressedSize64 = e.CRC, uint64(len(body)), uint64(e.Size)
	if h.CRC32 == 0 {
		h.CRC32 = crc32.ChecksumIEEE(body)
	}
	w, err := z.CreateRaw(h)
	if err == nil {
		_, err = w.Write(body)
	}
	return err
}

// cutter ends a stream in the middle.
type cutter struct {
	w    io.Writer
	left int64
}

func (c *cutter) Write(p []byte) (int, error) {
	if int64(len(p)) > c.left {
		p = p[:c.left]
	}
	n, err := c.w.Write(p)
	if c.left -= int64(n); err == nil && c.left == 0 {
		if f, ok := c.w.(http.Flusher); ok {
			f.Flush()
		}
		err = io.ErrClosedPipe
	}
	return n, err
}
