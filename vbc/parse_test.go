package vbc

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// slowText and slowList are what loose and looseList say they are, as package json
// reads them.
type slowText string

func (l *slowText) UnmarshalJSON(b []byte) error {
	var s string
	var n json.Number
	switch {
	case json.Unmarshal(b, &s) == nil:
		*l = slowText(s)
	case json.Unmarshal(b, &n) == nil:
		*l = slowText(n)
	}
	return nil
}

type slowList []string

func (l *slowList) UnmarshalJSON(b []byte) error {
	var items []slowText
	if json.Unmarshal(b, &items) != nil {
		items = make([]slowText, 1)
		_ = items[0].UnmarshalJSON(b)
	}
	for _, item := range items {
		*l = append(*l, string(item))
	}
	return nil
}

// Package json finds the same in an object: whatever is in it, and whatever its members
// are called.
func FuzzParseRecording(f *testing.F) {
	for _, s := range []string{
		`{"id":193228,"start":"2026-05-12T10:15:00+0000","duration":62000,"extensions":["1024",2001],"rule_ids":[],"_links":{"self":{"href":"/accounts/1/company_call_recordings/2"}}}`,
		"\t{ \"id\" : \"7\" ,\r\n\"START\":null, \"ſtart\":\"x\", \"\\u0069d\":8, \"cnam\":\"M\\u00fcller \xff\", \"dnis\":-1.5e3, \"call_id\":true, \"caller_id\":{\"a\":[1,\"]\"]} } ",
		`{"id":1,"id":null,"id":true,"extensions":7,"extensions":null,"extensions":[[1],{"a":1},"x",null,2],"rule_ids":{"a":1},"_links":null}`,
		`{"_links":{"self":{"href":"x"},"self":null,"SELF":{"href":null,"Href":"y","other":[{}]}},"file_name":"\"\\","":1}`,
		`{"_links":{"self":{"href":7}}}`, `{"_links":{"self":[]}}`, `{"_links":[{"self":{"href":"x"}}]}`, `{"_links":"x"}`,
		`null`, ` null `, `{}`, `[]`, `7`, `"x"`, ``, `{"id":1}x`, `{"id":01}`, `{"id":1,}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var want struct {
			ID          slowText        `json:"id"`
			Start       slowText        `json:"start"`
			Duration    slowText        `json:"duration"`
			Size        slowText        `json:"file_size_in_bytes"`
			DownloadURL slowText        `json:"download_url"`
			FileName    slowText        `json:"file_name"`
			CallID      slowText        `json:"call_id"`
			Direction   slowText        `json:"call_direction"`
			CallerID    slowText        `json:"caller_id"`
			DNIS        slowText        `json:"dnis"`
			CNAM        slowText        `json:"cnam"`
			Extensions  slowList        `json:"extensions"`
			RuleIDs     slowList        `json:"rule_ids"`
			Links       json.RawMessage `json:"_links"`
		}
		var links struct {
			Self struct {
				Href string `json:"href"`
			} `json:"self"`
		}
		before := strings.Clone(string(raw))
		err := json.Unmarshal(raw, &want)
		if object(raw) != (err == nil) {
			t.Fatalf("it is an object: %v; package json: %v", object(raw), err)
		}
		if err != nil {
			return
		}
		if json.Unmarshal(want.Links, &links) != nil {
			links.Self.Href = ""
		}
		var has wireRecording
		has.parse(raw)
		self := string(has.self())
		for _, c := range []struct{ has, want any }{
			{[]loose{has.id, has.start, has.duration, has.size, has.downloadURL, has.fileName, has.callID, has.direction, has.callerID, has.dnis, has.cnam, loose(self)},
				[]loose{loose(want.ID), loose(want.Start), loose(want.Duration), loose(want.Size), loose(want.DownloadURL), loose(want.FileName), loose(want.CallID),
					loose(want.Direction), loose(want.CallerID), loose(want.DNIS), loose(want.CNAM), loose(links.Self.Href)}},
			{[]string(has.extensions), []string(want.Extensions)},
			{[]string(has.ruleIDs), []string(want.RuleIDs)},
			{string(raw), before}, // nothing is changed in it
		} {
			if !reflect.DeepEqual(c.has, c.want) {
				t.Errorf("%q: %q, package json: %q", raw, c.has, c.want)
			}
		}
	})
}
