package vbctest_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"gopkg.in/yaml.v3"

	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

const root = "/t/vbc.prod/call_recording/v1/api"

var day = time.Date(2026, 5, 12, 10, 15, 0, 0, time.UTC)

// router finds what our description says about a request.
func router(t *testing.T) routers.Router {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromFile("openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	r, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// answer has the account answer one request.
func answer(a *vbctest.Account, req *http.Request) *http.Response {
	rec := httptest.NewRecorder()
	a.ServeHTTP(rec, req)
	return rec.Result()
}

func request(method, path, token string) *http.Request {
	req := httptest.NewRequest(method, path, nil)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return req
}

func tokenRequest(change url.Values) *http.Request {
	form := url.Values{"grant_type": {"password"}, "scope": {"openid"}, "username": {"admin@vbc.prod"}, "password": {"correct horse"}, "client_id": {"client"}, "client_secret": {"secret"}}
	for k, v := range change {
		form[k] = v
	}
	req := httptest.NewRequest(http.MethodPost, "/token", strings.NewReader(form.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return req
}

// Every kind of request and answer is as our description says.
func TestAnswersMatchTheDescription(t *testing.T) {
	find := router(t)
	for _, c := range []struct {
		cfg    vbctest.Config
		method string
		path   string
		status int
	}{
		{vbctest.Config{}, "GET", root + "/accounts/self/company_call_recordings", 200},
		{vbctest.Config{}, "GET", root + "/accounts/549825/company_call_recordings?order=start:ASC&page=2&page_size=1&start:gte=2026-01-01T00:00:00%2B0000&start:lte=2027-01-01T00:00:00%2B0000&duration:gte=1&call_direction=INBOUND", 200},
		{vbctest.Config{NullEmbedded: true}, "GET", root + "/accounts/self/company_call_recordings?start:lte=2020-01-01T00:00:00%2B0000", 200},
		{vbctest.Config{NoSelfLinks: true, FirstPageZero: true}, "GET", root + "/accounts/self/company_call_recordings?page=0", 200},
		{vbctest.Config{RejectPageSizeAbove: 5}, "GET", root + "/accounts/self/company_call_recordings?page_size=100", 400},
		{vbctest.Config{}, "GET", root + "/accounts/1/company_call_recordings", 403},
		{vbctest.Config{NotSubscribed: true}, "GET", root + "/accounts/self/company_call_recordings", 403},
		{vbctest.Config{}, "GET", root + "/accounts/self/users/self/call_recordings", 200},
		{vbctest.Config{}, "GET", root + "/accounts/self/users/1/call_recordings", 404},
		{vbctest.Config{}, "GET", root + "/accounts/self/company_call_recordings/1", 200},
		{vbctest.Config{}, "GET", root + "/accounts/self/company_call_recordings/99", 404},
		{vbctest.Config{}, "DELETE", root + "/accounts/self/company_call_recordings/1", 204},
		{vbctest.Config{}, "DELETE", root + "/accounts/549825/users/745249/call_recordings/1", 204},
		{vbctest.Config{}, "DELETE", root + "/accounts/self/users/self/call_recordings/99", 404},
		{vbctest.Config{}, "GET", root + "/accounts/self/users/self/call_recordings/1", 200},
		{vbctest.Config{}, "GET", root + "/audio/recording/2", 200},
		{vbctest.Config{}, "GET", "/t/vbc.prod/call_recording/api/audio/recording/1?type=on_demand&user=745249", 200},
		{vbctest.Config{}, "GET", root + "/audio/recording/99", 404},
		{vbctest.Config{}, "GET", root + "/accounts/self/company_call_recordings/transcriptions?page_size=1&start:lte=2027-01-01T00:00:00%2B0000", 200},
		{vbctest.Config{TranscriptsOwnIDs: true, TranscriptsElsewhere: true}, "GET", root + "/accounts/549825/company_call_recordings/transcriptions", 200},
		{vbctest.Config{RejectTranscriptFilter: true}, "GET", root + "/accounts/self/company_call_recordings/transcriptions?start:lte=2027-01-01T00:00:00%2B0000", 400},
		{vbctest.Config{NoTranscripts: true}, "GET", root + "/accounts/self/company_call_recordings/transcriptions", 404},
		{vbctest.Config{TranscriptsForbidden: true}, "GET", root + "/accounts/self/company_call_recordings/transcriptions", 403},
		{vbctest.Config{}, "GET", root + "/transcription/2", 200},
		{vbctest.Config{}, "GET", root + "/transcription/3", 200},
		{vbctest.Config{TranscriptsOwnIDs: true}, "GET", root + "/transcription/t-2", 200},
		{vbctest.Config{}, "GET", root + "/transcription/1", 404},
		{vbctest.Config{}, "GET", "/t/vbc.prod/provisioning/v1/api/accounts/self", 200},
		{vbctest.Config{}, "GET", "/t/vbc.prod/provisioning/v1/api/accounts/self/users?page_size=5", 200},
		{vbctest.Config{ProvisioningForbidden: true}, "GET", "/t/vbc.prod/provisioning/v1/api/accounts/self/users", 403},
		{vbctest.Config{Quota: -1}, "GET", root + "/accounts/self/company_call_recordings", 429},
		{vbctest.Config{Denials: map[vbctest.RequestKind]vbctest.Denial{vbctest.List: vbctest.NoSearchRight}}, "GET", root + "/accounts/self/company_call_recordings", 403},
		{vbctest.Config{Denials: map[vbctest.RequestKind]vbctest.Denial{vbctest.List: vbctest.NoClaims}}, "GET", root + "/accounts/self/company_call_recordings", 401},
		{vbctest.Config{Denials: map[vbctest.RequestKind]vbctest.Denial{vbctest.Users: vbctest.MissingUserData}}, "GET", "/t/vbc.prod/provisioning/v1/api/accounts/self/users", 401},
		{vbctest.Config{RefuseOffset: true}, "GET", root + "/accounts/self/company_call_recordings?start:gte=2026-01-01T00:00:00Z&start:lte=2027-01-01T00:00:00.000Z", 200},
		{vbctest.Config{RefuseZ: true}, "GET", root + "/accounts/self/company_call_recordings?start:gte=2026-01-01T00:00:00Z", 400},
		{vbctest.Config{UnknownAtFirst: 1}, "GET", root + "/accounts/self/company_call_recordings", 401},
		{vbctest.Config{TokenTTL: -time.Second}, "GET", root + "/audio/recording/1", 401},
	} {
		a := vbctest.New(c.cfg)
		a.Add(vbctest.Recording{ID: 1, Start: day}, vbctest.Recording{ID: 2, Start: day, Transcript: `{"text":"Hello"}`}, vbctest.Recording{ID: 3, Start: day, Transcript: "Hello"}, vbctest.Recording{ID: 1, Start: day, Kind: vbctest.OnDemand})
		req := request(c.method, c.path, token(t, a))
		if got := validate(t, find, a, req); got != c.status {
			t.Errorf("%s %s: %d, want %d", c.method, c.path, got, c.status)
		}
	}
	for _, c := range []struct {
		cfg    vbctest.Config
		path   string // of what is exported
		body   string
		status int
	}{
		{vbctest.Config{}, "/accounts/self/company_call_recordings", `{"start:gte":"2026-01-01T00:00:00+0000","start:lte":"2027-01-01T00:00:00+0000"}`, 202},
		{vbctest.Config{ExportPolls: 1, ExportFiles: 2}, "/accounts/549825/users/self/call_recordings", `{"duration:gte":1,"call_direction":"INBOUND"}`, 202},
		{vbctest.Config{NotSubscribed: true}, "/accounts/self/company_call_recordings", `{}`, 403},
	} {
		a := vbctest.New(c.cfg)
		a.Add(vbctest.Recording{ID: 1, Start: day}, vbctest.Recording{ID: 2, Start: day}, vbctest.Recording{ID: 1, Start: day, Kind: vbctest.OnDemand})
		bearer := token(t, a)
		req := httptest.NewRequest(http.MethodPost, root+c.path+"/export", strings.NewReader(c.body))
		req.Header.Set("Authorization", "Bearer "+bearer)
		req.Header.Set("Content-Type", "application/json")
		if got := validate(t, find, a, req); got != c.status {
			t.Errorf("export: %d, want %d", got, c.status)
		}
		zip := "/t/vbc.prod/call_recording/api/bulkDownload/retrieve?login_name=admin@vbc.prod&job_id="
		for _, j := range a.Jobs() {
			for path, status := range map[string]int{root + "/accounts/self/users/self/call_recordings/jobs/" + j.ID: 200, root + "/accounts/self/users/self/call_recordings/jobs/none": 404, zip + "none": 404} {
				if got := validate(t, find, a, request("GET", path, bearer)); got != status {
					t.Errorf("%s: %d, want %d", path, got, status)
				}
			}
			want := 200
			if c.cfg.ExportPolls > 0 {
				want = 404 // not complete yet
			}
			if got := validate(t, find, a, request("GET", zip+j.ID, bearer)); got != want {
				t.Errorf("the ZIP: %d, want %d", got, want)
			}
		}
	}
	for status, change := range map[int]url.Values{200: nil, 400: {"password": {"x"}}, 401: {"client_secret": {"x"}}} {
		a := vbctest.New(vbctest.Config{})
		if got := validate(t, find, a, tokenRequest(change)); got != status {
			t.Errorf("token with %v: %d, want %d", change, got, status)
		}
	}
}

// validate sends the request and checks it and its answer.
func validate(t *testing.T, find routers.Router, a *vbctest.Account, req *http.Request) int {
	t.Helper()
	var body []byte
	if req.Body != nil {
		body, _ = io.ReadAll(req.Body)
	}
	req.Body = io.NopCloser(bytes.NewReader(body))
	resp := answer(a, req)
	req.Body = io.NopCloser(bytes.NewReader(body))
	route, params, err := find.FindRoute(req)
	if err != nil {
		t.Fatalf("%s %s is not described: %v", req.Method, req.URL, err)
	}
	in := &openapi3filter.RequestValidationInput{
		Request: req, PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true},
	}
	if err := openapi3filter.ValidateRequest(t.Context(), in); err != nil {
		t.Errorf("%s %s: the request isn't as described: %v", req.Method, req.URL, err)
	}
	if ct := resp.Header.Get("Content-Type"); ct == "audio/mpeg" || ct == "application/zip" {
		openapi3filter.RegisterBodyDecoder(ct, openapi3filter.FileBodyDecoder)
	}
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: resp.StatusCode, Header: resp.Header, Body: resp.Body, Options: in.Options}
	if err := openapi3filter.ValidateResponse(t.Context(), out); err != nil {
		t.Errorf("%s %s: the answer %d isn't as described: %v", req.Method, req.URL, resp.StatusCode, err)
	}
	return resp.StatusCode
}

func token(t *testing.T, a *vbctest.Account) string {
	t.Helper()
	return tokens(t, answer(a, tokenRequest(nil))).Access
}

// The vendor's description, where it lies beside the project, has every path
// that we simulate, with the same success.
func TestDescriptionMatchesTheVendors(t *testing.T) {
	const dir = "../../../shared/openapi/"
	if _, err := os.Stat(dir); err != nil {
		t.Skip("the vendor's OpenAPI files are not here; they are theirs, and not part of the project")
	}
	ours := paths(t, "openapi.yaml")
	for file, prefix := range map[string]string{"call-recording.yml": "/t/vbc.prod/call_recording/v1", "provisioning.yml": "/t/vbc.prod/provisioning/v1"} {
		theirs := paths(t, dir+file)
		found := 0
		for operation, codes := range ours {
			method, path, _ := strings.Cut(operation, " ")
			rest, ok := strings.CutPrefix(path, prefix)
			if !ok || strings.Contains(path, "/audio/") || strings.Contains(path, "/bulkDownload/") || // only download_urls tell of these
				strings.Contains(path, "/transcription") { // and guides, not the description, of these
				continue
			}
			known, ok := theirs[method+" "+rest]
			if !ok {
				t.Errorf("%s has no %s %s", file, method, rest)
				continue
			}
			found++
			for code := range known {
				if strings.HasPrefix(code, "2") && !codes[code] {
					t.Errorf("%s %s: theirs answers %s, ours doesn't", method, rest, code)
				}
			}
		}
		if found < 2 {
			t.Errorf("%s: only %d operations compared", file, found)
		}
	}
}

// paths reads the operations of a description, with parameters made nameless,
// and their status codes.
func paths(t *testing.T, file string) map[string]map[string]bool {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Paths map[string]map[string]yaml.Node `yaml:"paths"`
	}
	if err := yaml.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	out := map[string]map[string]bool{}
	for path, methods := range doc.Paths {
		segments := strings.Split(path, "/")
		for i, s := range segments {
			if strings.HasPrefix(s, "{") {
				segments[i] = "{}"
			}
		}
		for method, node := range methods {
			var op struct {
				Responses map[string]yaml.Node `yaml:"responses"`
			}
			if method == "parameters" || node.Decode(&op) != nil {
				continue
			}
			codes := map[string]bool{}
			for code := range op.Responses {
				codes[code] = true
			}
			out[method+" "+strings.Join(segments, "/")] = codes
		}
	}
	return out
}
