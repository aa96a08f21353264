package vbctest_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tcolgate/mp3"

	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

type tokenPair struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
}

func tokens(t *testing.T, resp *http.Response) (p tokenPair) {
	t.Helper()
	if err := json.NewDecoder(resp.Body).Decode(&p); err != nil || resp.StatusCode != 200 {
		t.Fatalf("token: %s, %v", resp.Status, err)
	}
	return p
}

func body(resp *http.Response) string {
	b, _ := io.ReadAll(resp.Body)
	return string(b)
}

// What the real gateway would reject, it rejects.
func TestStrictness(t *testing.T) {
	a := vbctest.New(vbctest.Config{})
	a.Add(vbctest.Recording{ID: 1, Start: day})
	ok := token(t, a)
	list := root + "/accounts/self/company_call_recordings"
	json := tokenRequest(nil)
	json.Header.Set("Content-Type", "application/json")
	for name, c := range map[string]struct {
		req    *http.Request
		status int
		text   string
	}{
		"no token":            {request("GET", list, ""), 401, `"code":900902`},
		"unknown token":       {request("GET", list, "x"), 401, `"code":900901`},
		"no such route":       {request("GET", "/t/vbc.prod/call_recording/v2/api/accounts/self/company_call_recordings", ok), 404, "No matching resource"},
		"no such recording":   {request("GET", list+"/7", ok), 404, `"msg":"Recording not found"`},
		"id is no number":     {request("DELETE", list+"/x", ok), 400, "integer"},
		"another account":     {request("GET", root+"/accounts/1/company_call_recordings", ok), 403, "not accessible"},
		"unencoded plus":      {request("GET", list+"?start:lte=2026-01-01T00:00:00+0000", ok), 400, "start:lte"},
		"RFC 3339":            {request("GET", list+"?start:lte=2026-01-01T00:00:00Z", ok), 200, ""},
		"no zone":             {request("GET", list+"?start:lte=2026-01-01T00:00:00", ok), 400, "is malformed at"},
		"unknown parameter":   {request("GET", list+"?before=2026", ok), 400, "unknown parameter"},
		"given twice":         {request("GET", list+"?page=1&page=2", ok), 400, "twice"},
		"unknown order":       {request("GET", list+"?order=id", ok), 400, "order"},
		"page 0":              {request("GET", list+"?page=0", ok), 400, "page"},
		"method":              {request("PUT", list+"/1", ok), 405, ""},
		"token by GET":        {httptest.NewRequest("GET", "/token", nil), 405, ""},
		"token as JSON":       {json, 400, "invalid_request"},
		"wrong password":      {tokenRequest(url.Values{"password": {"x"}}), 400, "invalid_grant"},
		"user without suffix": {tokenRequest(url.Values{"username": {"admin"}}), 400, "invalid_grant"},
		"wrong client":        {tokenRequest(url.Values{"client_secret": {"x"}}), 401, "invalid_client"},
		"unknown grant":       {tokenRequest(url.Values{"grant_type": {"client_credentials"}}), 400, "unsupported_grant_type"},
	} {
		resp := answer(a, c.req)
		if text := body(resp); resp.StatusCode != c.status || !strings.Contains(text, c.text) {
			t.Errorf("%s: %d %s; want %d with %q", name, resp.StatusCode, text, c.status, c.text)
		}
	}
	if !a.Has(vbctest.Company, 0, 1) {
		t.Error("the recording is gone")
	}
}

func TestTokensExpireAndRotate(t *testing.T) {
	now := day
	a := vbctest.New(vbctest.Config{Now: func() time.Time { return now }})
	first := tokens(t, answer(a, tokenRequest(nil)))
	now = now.Add(24 * time.Hour)
	if resp := answer(a, request("GET", root+"/accounts/self/company_call_recordings", first.Access)); resp.StatusCode != 401 || !strings.Contains(body(resp), "900903") {
		t.Errorf("expired: %s", resp.Status)
	}
	refresh := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {first.Refresh}}
	second := tokens(t, answer(a, tokenRequest(refresh)))
	if resp := answer(a, request("GET", root+"/accounts/self/company_call_recordings", second.Access)); resp.StatusCode != 200 {
		t.Errorf("refreshed: %s", resp.Status)
	}
	if resp := answer(a, tokenRequest(refresh)); resp.StatusCode != 400 {
		t.Errorf("a refresh token is good twice: %s", resp.Status)
	}
}

// A user is locked for half an hour from the last try on, whoever makes it.
func TestLockCountsFromTheLastTry(t *testing.T) {
	now := day
	a := vbctest.New(vbctest.Config{LockAfter: 2, Now: func() time.Time { return now }})
	for _, c := range []struct {
		after    time.Duration
		password string
		status   int
		says     string
	}{
		{0, "x", 400, "Authentication failed"}, {0, "x", 400, "Authentication failed"}, {time.Minute, "correct horse", 400, "17003"}, {29 * time.Minute, "correct horse", 400, "17003"},
		{29 * time.Minute, "correct horse", 400, "17003"}, {30 * time.Minute, "x", 400, "Authentication failed"}, {0, "correct horse", 200, "access_token"},
	} {
		now = now.Add(c.after)
		resp := answer(a, tokenRequest(url.Values{"password": {c.password}}))
		if text := body(resp); resp.StatusCode != c.status || !strings.Contains(text, c.says) {
			t.Errorf("%+v: %d %s", c, resp.StatusCode, text)
		}
	}
}

// A server to which downloads are redirected gives nothing to whoever sends it what
// is VBC's, or hasn't the address.
func TestStorageIsStrict(t *testing.T) {
	a := vbctest.New(vbctest.Config{})
	a.Add(vbctest.Recording{ID: 1, Start: day})
	a.RedirectDownloads("https://files.example/")
	resp := answer(a, request("GET", root+"/audio/recording/1", token(t, a)))
	to := resp.Header.Get("Location")
	if resp.StatusCode != 302 || !strings.HasPrefix(to, "https://files.example/t/") || !strings.Contains(to, a.Presigned()) {
		t.Fatalf("%d %s", resp.StatusCode, to)
	}
	for header, status := range map[string]int{"": 200, "Authorization": 400, "Cookie": 400, "Referer": 400} {
		for _, address := range []string{to, strings.TrimSuffix(to, a.Presigned())} {
			req := httptest.NewRequest("GET", address, nil)
			if header != "" {
				req.Header.Set(header, "x")
			}
			w := httptest.NewRecorder()
			a.Storage().ServeHTTP(w, req)
			want := status
			if want == 200 && address != to {
				want = 403
			}
			if w.Code != want {
				t.Errorf("%s, %s: %d", header, address, w.Code)
			}
		}
	}
}

func TestPagesAreOfTheCurrentSet(t *testing.T) {
	a := vbctest.New(vbctest.Config{MaxPageSize: 10})
	a.Generate(25, day, time.Minute)
	ok := token(t, a)
	page := func(n int) (ids []int64, total int) {
		var p struct {
			Embedded struct {
				Recordings []struct{ ID int64 }
			} `json:"_embedded"`
			Total int `json:"total_items"`
			Size  int `json:"page_size"`
		}
		resp := answer(a, request("GET", fmt.Sprintf("%s/accounts/self/company_call_recordings?page_size=50&page=%d", root, n), ok))
		if err := json.NewDecoder(resp.Body).Decode(&p); err != nil || p.Size != 10 {
			t.Fatalf("%v, page size %d", err, p.Size)
		}
		for _, r := range p.Embedded.Recordings {
			ids = append(ids, r.ID)
		}
		return ids, p.Total
	}
	before, _ := page(2)
	if before[0] != 100015 || len(before) != 10 {
		t.Errorf("%v", before)
	}
	answer(a, request("DELETE", root+"/accounts/self/company_call_recordings/100025", ok))
	if after, total := page(2); after[0] != 100014 || total != 24 {
		t.Errorf("after a deletion: %v of %d", after, total)
	}
	if last, _ := page(4); len(last) != 0 {
		t.Errorf("beyond the end: %v", last)
	}
}

func TestQuota(t *testing.T) {
	now := time.Date(2026, 11, 23, 10, 0, 30, 0, time.UTC)
	a := vbctest.New(vbctest.Config{Quota: 2, Now: func() time.Time { return now }})
	ok := token(t, a)
	get := func() *http.Response {
		return answer(a, request("GET", root+"/accounts/self/company_call_recordings", ok))
	}
	for i, want := range []int{200, 200, 429, 429} {
		if resp := get(); resp.StatusCode != want || want == 429 && !strings.Contains(body(resp), `"nextAccessTime":"2026-Nov-23 10:01:00+0000 UTC"`) {
			t.Errorf("request %d: %d", i, resp.StatusCode)
		}
	}
	now = now.Add(30 * time.Second)
	if resp := get(); resp.StatusCode != 200 {
		t.Errorf("in the next window: %d", resp.StatusCode)
	}
	if c := a.Counts(); c.Throttled != 2 || c.ByKind[vbctest.List] != 5 || c.ByKind[vbctest.Token] != 1 {
		t.Errorf("%+v", c)
	}
}

// Faults come in two flavours.
func TestFaults(t *testing.T) {
	for _, applied := range []bool{false, true} {
		a := vbctest.New(vbctest.Config{})
		a.Add(vbctest.Recording{ID: 1, Start: day})
		ok := token(t, a)
		a.Inject(func(*http.Request) *vbctest.Fault { return &vbctest.Fault{Status: 502, Apply: applied} })
		resp := answer(a, request("DELETE", root+"/accounts/self/company_call_recordings/1", ok))
		if resp.StatusCode != 502 || a.Has(vbctest.Company, 0, 1) == applied {
			t.Errorf("applied %v: %d, still there %v", applied, resp.StatusCode, a.Has(vbctest.Company, 0, 1))
		}
	}
	a := vbctest.New(vbctest.Config{})
	a.Add(vbctest.Recording{ID: 1, Start: day, Size: 20000})
	server := httptest.NewServer(a)
	defer server.Close()
	for name, c := range map[string]struct {
		f      vbctest.Fault
		n      int64
		length int64
		err    error
	}{
		"cut":   {vbctest.Fault{CutAfter: 5000}, 5000, 20000, io.ErrUnexpectedEOF},
		"short": {vbctest.Fault{ShortAfter: 5000}, 5000, -1, nil},
		"more":  {vbctest.Fault{OtherSize: 7}, 20007, 20007, nil},
		"true":  {vbctest.Fault{}, 20000, 20000, nil},
	} {
		a.Inject(func(r *http.Request) *vbctest.Fault {
			if strings.Contains(r.URL.Path, "audio") {
				return &c.f
			}
			return nil
		})
		req, _ := http.NewRequest("GET", server.URL+root+"/audio/recording/1", nil)
		req.Header.Set("Authorization", "Bearer "+token(t, a))
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if n != c.n || resp.ContentLength != c.length || !errors.Is(err, c.err) {
			t.Errorf("%s: %d bytes of %d, %v", name, n, resp.ContentLength, err)
		}
	}
}

// Real audio: of exactly the size, the same each time, different for each.
func TestAudio(t *testing.T) {
	seen := map[[32]byte]string{}
	for _, kind := range []vbctest.Kind{vbctest.Company, vbctest.OnDemand} {
		for id := int64(1); id <= 10; id++ {
			for _, size := range []int64{1000, 8192, 20001, 100_000} {
				r := vbctest.Recording{Kind: kind, ID: id, Size: size}
				name := fmt.Sprintf("%s %d of %d bytes", kind, id, size)
				sum := r.SHA256()
				if other, taken := seen[sum]; taken || sum != r.SHA256() {
					t.Errorf("%s is the same as %s, or not the same twice", name, other)
				}
				seen[sum] = name
				if n, err := io.Copy(io.Discard, r.Audio()); n != size || err != nil {
					t.Errorf("%s: %d bytes, %v", name, n, err)
				}
				frames, d, skipped, f := 0, mp3.NewDecoder(r.Audio()), 0, mp3.Frame{}
				for d.Decode(&f, &skipped) == nil {
					if h := f.Header(); int(h.SampleRate()) != 8000 {
						t.Fatalf("%s: frame %d has %d Hz", name, frames, h.SampleRate())
					}
					frames++
				}
				if want := int(size-128-64) / 144; frames < want {
					t.Errorf("%s: %d frames play, want %d", name, frames, want)
				}
			}
		}
	}
}

// The listing of a large account is served without copying it.
func TestLargeAccount(t *testing.T) {
	a := vbctest.New(vbctest.Config{})
	a.Generate(100_000, day, time.Minute)
	ok := token(t, a)
	if n := testing.AllocsPerRun(5, func() {
		answer(a, request("GET", root+"/accounts/self/company_call_recordings?page=900&page_size=100", ok))
	}); n > 30_000 {
		t.Errorf("%.0f allocations for a page of 100", n)
	}
	for i := range int64(1000) {
		answer(a, request("DELETE", fmt.Sprintf("%s/accounts/self/company_call_recordings/%d", root, 100001+i*50), ok))
	}
	if n := len(a.Recordings()); n != 99_000 {
		t.Errorf("%d are left", n)
	}
}

// An export is strict: the filters are those of the API, a job is complete
// only after it was asked for, and is gone when it is no longer valid.
func TestExport(t *testing.T) {
	now := day
	a := vbctest.New(vbctest.Config{ExportPolls: 1, ExportTTL: time.Hour, Now: func() time.Time { return now }})
	a.Generate(5, day, time.Hour)
	bearer := token(t, a)
	post := func(body string) int {
		req := httptest.NewRequest(http.MethodPost, root+"/accounts/self/company_call_recordings/export", strings.NewReader(body))
		req.Header.Set("Authorization", "Bearer "+bearer)
		req.Header.Set("Content-Type", "application/json")
		return answer(a, req).StatusCode
	}
	for body, want := range map[string]int{
		``: 400, `[]`: 400, `{"page_size":1}`: 400, `{"start:gte":"yesterday"}`: 400, `{"start:gte":7}`: 400, `{"duration:gte":"7"}`: 400, `{"colour":"red"}`: 400,
		fmt.Sprintf(`{"start:gte":%q}`, day.Add(-time.Hour).Format("2006-01-02T15:04:05-0700")): 202,
	} {
		if got := post(body); got != want {
			t.Errorf("%s: %d, want %d", body, got, want)
		}
	}
	jobs := a.Jobs()
	if len(jobs) != 1 || len(jobs[0].Recordings()) != 2 {
		t.Fatalf("%+v", jobs)
	}
	get := func(path string) *http.Response { return answer(a, request("GET", path, bearer)) }
	status := root + "/accounts/self/users/self/call_recordings/jobs/" + jobs[0].ID
	for i, want := range []string{"in_progress", "complete"} {
		b, _ := io.ReadAll(get(status).Body)
		if !strings.Contains(string(b), want) {
			t.Errorf("asked %d times: %s", i+1, b)
		}
	}
	resp := get("/t/vbc.prod/call_recording/api/bulkDownload/retrieve?login_name=admin%40vbc.prod&job_id=" + jobs[0].ID)
	b, _ := io.ReadAll(resp.Body)
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil || len(z.File) != 2 || !strings.HasSuffix(z.File[0].Name, ".mp3") {
		t.Errorf("%v, %d entries", err, len(z.File))
	}
	now = now.Add(time.Hour)
	if got := get(status).StatusCode; got != 404 {
		t.Errorf("an hour later: %d", got)
	}
}
