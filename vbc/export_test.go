package vbc_test

import (
	"archive/zip"
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/vbc"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// A job is started for a slice, asked about, and its ZIP has just that slice.
func TestExportOfASlice(t *testing.T) {
	for _, kind := range []vbctest.Kind{vbctest.Company, vbctest.OnDemand} {
		a, c := start(t, vbctest.Config{ExportPolls: 1})
		for i := range int64(10) {
			a.Add(vbctest.Recording{Kind: kind, ID: 1 + i, Start: day.Add(time.Duration(i) * time.Hour)})
		}
		ids, err := slot(t, c).StartExport(t.Context(), vbc.Query{Kind: vbc.Kind(kind), Account: "549825", User: "745249", Since: day.Add(2 * time.Hour), Before: day.Add(5 * time.Hour)})
		if err != nil || len(ids) != 1 {
			t.Fatalf("%v, %v", ids, err)
		}
		var j vbc.Job
		for i, done := range []bool{false, true} {
			if j, err = slot(t, c).ExportJob(t.Context(), "549825", "self", ids[0]); err != nil || j.Done != done || j.Failed || j.Total != 4 || j.Completed != 2+2*i {
				t.Errorf("asked %d times: %+v, %v", i+1, j, err)
			}
		}
		if left := time.Until(j.ValidUntil); left < 23*time.Hour || left > 25*time.Hour {
			t.Errorf("valid for %v", left)
		}
		for _, address := range []string{j.Address, ""} { // without one, the documented one
			j.Address = address
			body, err := slot(t, c).Export(t.Context(), j)
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(body)
			if err != nil {
				t.Fatal(err)
			}
			if z, err := zip.NewReader(bytes.NewReader(b), int64(len(b))); err != nil || len(z.File) != 4 {
				t.Errorf("%v, %d entries", err, len(z.File))
			}
		}
	}
}

// What the answers say is data: no path and no host comes out of it.
func TestHostileExport(t *testing.T) {
	for body, want := range map[string]string{
		`{"job_ids":["../../accounts/1"]}`: "is not valid",
		`{"job_ids":[]}`:                   "has 0 job ids",
		`{"job_ids":7}`:                    "not what the API documents",
		`<html>`:                           "not what the API documents",
	} {
		a, c := start(t, vbctest.Config{})
		a.Inject(func(r *http.Request) *vbctest.Fault {
			if r.Method == http.MethodPost && r.URL.Path != "/token" {
				return &vbctest.Fault{Status: 202, Body: body}
			}
			return nil
		})
		_, err := slot(t, c).StartExport(t.Context(), vbc.Query{Kind: vbc.Company, Account: "549825"})
		if e := vbc.AsError(err); e == nil || !e.Malformed || !strings.Contains(e.Error(), want) {
			t.Errorf("%s: %v, want %q", body, err, want)
		}
	}
	_, c := start(t, vbctest.Config{})
	if _, err := slot(t, c).ExportJob(t.Context(), "549825", "self", "../x"); err == nil {
		t.Error("a path was taken for a job's id")
	}
	if _, err := slot(t, c).Export(t.Context(), vbc.Job{ID: "1", Address: "https://example.com/zip"}); err == nil || !strings.Contains(err.Error(), "another host") {
		t.Errorf("the token goes elsewhere: %v", err)
	}
}

func TestFailedJob(t *testing.T) {
	_, c := start(t, vbctest.Config{ExportFails: true})
	ids, err := slot(t, c).StartExport(t.Context(), vbc.Query{Kind: vbc.Company, Account: "self"})
	if err != nil {
		t.Fatal(err)
	}
	if j, err := slot(t, c).ExportJob(t.Context(), "self", "self", ids[0]); err != nil || !j.Failed || j.Done {
		t.Errorf("%+v, %v", j, err)
	}
	if _, err := slot(t, c).ExportJob(t.Context(), "self", "self", "none"); vbc.AsError(err) == nil || !vbc.AsError(err).NotFound() {
		t.Errorf("a job that doesn't exist: %v", err)
	}
}
