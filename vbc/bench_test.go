package vbc_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/vbcvault/vbcvault/vbc"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// typical is what listings show of most recordings.
const typical = `{"_links":{"self":{"href":"http://127.0.0.1:45321/t/vbc.prod/call_recording/v1/api/accounts/549825/company_call_recordings/193228"}},` +
	`"call_direction":"INBOUND","call_id":"06ef0a33-1d5a-4b9e-9d9a-7a0d7d6a1c55","caller_id":"17325550199","cnam":"DOE JANE","dnis":"17325550100",` +
	`"download_url":"http://127.0.0.1:45321/t/vbc.prod/call_recording/v1/api/audio/recording/193228","duration":62000,"extensions":["1024","2001"],` +
	`"file_name":"INBOUND_17325550199_1024_20260512T101500.mp3","file_size_in_bytes":50000,"id":193228,"rule_ids":["42"],"start":"2026-05-12T10:15:00+0000"}`

func BenchmarkParseRecording(b *testing.B) {
	raw := []byte(typical)
	b.ReportAllocs()
	for b.Loop() {
		if r := vbc.ParseRecording(vbc.Company, "", raw); r.Unreadable != "" {
			b.Fatal(r.Unreadable)
		}
	}
}

// BenchmarkClient is a download and a DELETE, through the client and, side by side, as
// net/http alone does it.
func BenchmarkClient(b *testing.B) {
	const size = 50_000
	audio := make([]byte, size)
	simulated := vbctest.New(vbctest.Config{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodDelete:
			w.WriteHeader(http.StatusNoContent)
		case http.MethodGet:
			w.Header().Set("Content-Type", "audio/mpeg")
			w.Header().Set("Content-Length", fmt.Sprint(size))
			_, _ = w.Write(audio)
		default: // a token
			simulated.ServeHTTP(w, r)
		}
	}))
	defer server.Close()
	rec := vbc.ParseRecording(vbc.Company, "", []byte(typical))
	rec.DownloadURL = "/audio/recording/193228"
	buf := make([]byte, 64<<10)
	drain := func(r io.Reader) {
		n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{r}, buf)
		if err != nil || n != size {
			b.Fatal(n, err)
		}
	}
	b.Run("vbc", func(b *testing.B) {
		c, err := vbc.New(vbc.Options{URL: server.URL, Username: "admin", Password: "correct horse", ClientID: "client", ClientSecret: "secret"})
		if err != nil {
			b.Fatal(err)
		}
		ctx, cancel := context.WithCancel(b.Context())
		defer cancel()
		b.ReportAllocs()
		for b.Loop() {
			slot, err := c.Slot(ctx, vbc.RankFetch)
			if err != nil {
				b.Fatal(err)
			}
			a, err := slot.Audio(ctx, rec)
			if err != nil {
				b.Fatal(err)
			}
			drain(a)
			a.Close()
			if slot, err = c.Slot(ctx, vbc.RankPurge); err != nil {
				b.Fatal(err)
			}
			if status, err := slot.Delete(ctx, rec, now); status != http.StatusNoContent {
				b.Fatal(status, err)
			}
		}
	})
	b.Run("bare", func(b *testing.B) {
		client := &http.Client{Transport: &http.Transport{DisableCompression: true}}
		ctx, cancel := context.WithCancel(b.Context())
		defer cancel()
		do := func(method, path string, status int) io.ReadCloser {
			req, err := http.NewRequestWithContext(ctx, method, server.URL+path, nil)
			if err != nil {
				b.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer token")
			resp, err := client.Do(req)
			if err != nil || resp.StatusCode != status {
				b.Fatal(resp, err)
			}
			return resp.Body
		}
		b.ReportAllocs()
		for b.Loop() {
			body := do(http.MethodGet, "/audio/recording/193228", http.StatusOK)
			drain(body)
			body.Close()
			do(http.MethodDelete, "/company_call_recordings/193228", http.StatusNoContent).Close()
		}
	})
}
