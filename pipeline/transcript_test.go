package pipeline

import (
	"net/http"
	"strings"
	"testing"

	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// While nobody knows which recordings have transcripts, whatever the reason,
// they are archived and not purged.
func TestTranscriptsCantBeListed(t *testing.T) {
	for name, fault := range map[string]vbctest.Fault{
		"500":                {Status: 500, Body: `{"msg":"internal","status":500}`},
		"400":                {Status: 400, Body: `{"msg":"no","status":400}`},
		"no JSON":            {Status: 200, Body: "<html>"},
		"no ids":             {Status: 200, Body: `{"_embedded":{"transcriptions":[{"text":"Hello"}]},"page":1,"total_items":1}`},
		"an id that is none": {Status: 200, Body: `{"_embedded":{"transcriptions":[{"id":"../7"}]},"page":1,"total_items":1}`},
		"no list in its way": {Status: 200, Body: `{"_embedded":{"transcriptions":7},"page":1,"total_items":1}`},
		"two lists":          {Status: 200, Body: `{"_embedded":{"a":[],"b":[]},"page":1,"total_items":1}`},
		"one is hidden":      {Hide: 1},
		"the connection":     {Reset: true},
	} {
		l := newLab(t, "directory")
		all := l.fill()
		l.fault = func(r *http.Request) *vbctest.Fault {
			if strings.HasSuffix(r.URL.Path, "/transcriptions") {
				return &fault
			}
			return nil
		}
		sum, err := l.run(Options{Delete: true})
		if err != nil || sum.Archived != 2 || sum.Deleted != 0 || sum.Skipped != 2 || sum.Complete() {
			t.Errorf("%s: %+v, %v", name, sum, err)
		}
		l.fault = nil
		if sum, err := l.run(Options{Delete: true}); err != nil || !sum.Complete() || l.audio != 2 {
			t.Errorf("%s, afterwards: %+v, %v, %d downloads", name, sum, err, l.audio)
		}
		l.allDone(all)
	}
}

// A transcript that can't be had, whatever the reason, keeps its recording at
// VBC, archived, and the others are done.
func TestTranscriptCantBeHad(t *testing.T) {
	for name, fault := range map[string]vbctest.Fault{
		"404":               {Status: 404, Body: `{"msg":"Transcription not found","status":404}`},
		"403":               {Status: 403, Body: `{"msg":"not allowed","status":403}`},
		"500":               {Status: 500, Body: `{"msg":"internal","status":500}`},
		"202":               {Status: 202, Body: `{"status":"in progress"}`},
		"empty":             {Status: 200},
		"white space":       {Status: 200, Body: " \n"},
		"a page":            {Status: 200, Body: "<!DOCTYPE html><p>Log in"},
		"no text":           {Status: 200, Body: "\xff\xfe\x00\x01"},
		"JSON breaks off":   {ShortAfter: 10},
		"a list breaks off": {Status: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: `["Good morning",`},
		"too large":         {Status: 200, Body: strings.Repeat("x", 33<<20)},
		"the connection":    {Reset: true},
	} {
		l := newLab(t, "directory")
		all := l.fill()
		l.fault = func(r *http.Request) *vbctest.Fault {
			if strings.Contains(r.URL.Path, "/transcription/") {
				return &fault
			}
			return nil
		}
		sum, err := l.run(Options{Delete: true})
		if err != nil || sum.Archived != 2 || sum.Deleted != 1 || sum.Failed != 1 || sum.Transcripts != 0 {
			t.Errorf("%s: %+v, %v", name, sum, err)
		}
		l.fault = nil
		if sum, err := l.run(Options{Delete: true}); err != nil || !sum.Complete() || sum.Transcripts != 1 || l.audio != 2 {
			t.Errorf("%s, afterwards: %+v, %v, %d downloads", name, sum, err, l.audio)
		}
		l.allDone(all)
	}
}
