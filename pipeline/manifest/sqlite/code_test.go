package sqlite

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/vbc"
)

// format8 makes a manifest as the eighth format had it, with one failure that
// was acknowledged, and one that wasn't.
func format8(t *testing.T, path string) {
	t.Helper()
	text := schema10()
	for _, column := range []string{"code ", "acknowledging_code "} {
		i := strings.Index(text, "	"+column)
		text = text[:i] + text[i+strings.IndexByte(text[i:], '\n')+1:]
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, s := range []string{
		text, "PRAGMA user_version = 8", "INSERT INTO meta VALUES ('account', '549825'), ('chain', 'X')",
		`INSERT INTO recording (kind, owner, id, start, size, state, raw, reason, permanent, attempts, failed_at, failed_run, acknowledged, acknowledging) VALUES
			('company', '', 1, 1747044900000, 3, 'failed', '{"id":1,"start":"2025-05-12T10:15:00+0000"}', 'VBC has no audio', 1, 3, 1, 1, 'ticket 4711', 'VBC has no audio'),
			('company', '', 2, 1747044901000, 3, 'failed', '{"id":2,"start":"2025-05-12T10:15:01+0000"}', 'VBC has no audio', 1, 3, 1, 1, '', '')`,
	} {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%v: %.200s", err, s)
		}
	}
}

// What was acknowledged by its text stays so, as long as it fails with that
// text, and goes by the code from then on.
func TestFormat8IsBroughtUpToDate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "m")
	format8(t, path)
	m, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	get := func(id int64) manifest.Row {
		t.Helper()
		row, err := m.Get(t.Context(), vbc.Key{Kind: vbc.Company, ID: id})
		if err != nil {
			t.Fatal(err)
		}
		return row
	}
	fail := func(id int64, code, reason string) manifest.Failure {
		t.Helper()
		if err := m.Failed(t.Context(), get(id).Recording, 2, manifest.Failure{Code: code, Reason: reason, Permanent: true}); err != nil {
			t.Fatal(err)
		}
		return get(id).Failure
	}
	f := get(1).Failure
	if f.Code != "" || f.Reason != "VBC has no audio" || f.Attempts != 3 || f.Acknowledged != "ticket 4711" {
		t.Errorf("%+v", f)
	}
	if !f.Known("vbc-404", "VBC has no audio") || f.Known("vbc-404", "VBC has lost its audio") || get(2).Failure.Known("vbc-404", "VBC has no audio") {
		t.Error("an acknowledgement without a code goes by the text")
	}
	if f = fail(1, "vbc-404", "VBC has no audio"); f.Code != "vbc-404" || !f.Known("vbc-404", "there is none") || f.Known("size", "VBC has no audio") {
		t.Errorf("%+v: failed as acknowledged, it goes by the code", f)
	}
	if err := m.Acknowledge(t.Context(), get(2).Recording, "ticket 4712"); err != nil {
		t.Fatal(err)
	}
	if f = fail(2, "size", "VBC has no audio, or too little"); f.Known(f.Code, f.Reason) || f.Acknowledged == "" {
		t.Errorf("%+v: with another text nobody knows whether it is the same", f)
	}
	if findings, err := m.Check(t.Context()); err != nil || len(findings) != 0 {
		t.Errorf("%q, %v", findings, err)
	}
}

// A failure that was acknowledged stays so although the same one is put in other
// words by now, and what isn't the same is news: the code is read out of the words
// of older programs.
func TestOlderTextsTellTheirCode(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "m")
	format8(t, path)
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	// As a program of format 8 wrote them.
	texts := map[string]string{
		"what VBC sent is not audio but text/html":                                                                                                   "not-audio",
		"what VBC sent has a format that is not known as audio (\"abcd\")":                                                                           "unknown-format",
		"VBC sent 20000 bytes and its listing declares 19000":                                                                                        "size",
		"VBC sent 20000 bytes and its listing declares no size to compare with":                                                                      "size",
		"it is archived, and not deleted at VBC: its audio is, byte for byte, that of company recording 3, and VBC sends the same again":             "equal-audio",
		"the audio that VBC sent for company recording 4 is, byte for byte, that of company recording 3":                                             "alike",
		"a lifecycle rule of the destination will remove the copy on 2027-01-01, so it doesn't justify a deletion at VBC":                            "expiring",
		"verify: the copy a.mp3 is not kept as was asked for, so it doesn't justify a deletion at VBC: it is not locked":                             "unprotected",
		"VBC lists several transcripts of it, and vbcvault knows how to keep one (--no-transcripts leaves them out)":                                 "transcript-several-transcripts",
		"fetch the transcript of company recording 7: the answer is JSON that breaks off":                                                            "transcript-not-a-transcript",
		"fetch the transcript of company recording 7: VBC answered 404: Transcription not found":                                                     "transcript-vbc-404",
		"download company recording 7: VBC answered 404: no such audio":                                                                              "vbc-404",
		"download on-demand recording 7 of user 745249: VBC answered 403 (fault 900908): no":                                                         "vbc-403-900908",
		"delete company recording 7: VBC answered 409: conflict":                                                                                     "delete-vbc-409",
		"delete company recording 7: VBC answered 404: no":                                                                                           "unclear",
		"download company recording 7: VBC answered 404; whether VBC still has it is not known: why. A run without filters finds out by its listing": "unclear",
		"VBC lists this recording again although it had confirmed its deletion":                                                                      "reappeared",
		"the store has no a.mp3": "",
	}
	id := 100
	ids := map[string]int64{}
	for text := range texts {
		id++
		ids[text] = int64(id)
		if _, err := db.Exec(`INSERT INTO recording (kind, owner, id, start, size, state, raw, reason, permanent, attempts, failed_at, failed_run, acknowledged, acknowledging) VALUES
			('company', '', ?, 1747044900000, 3, 'failed', ?, ?, 1, 3, 1, 1, 'ticket', ?)`, id, fmt.Sprintf(`{"id":%d,"start":"2025-05-12T10:15:00+0000"}`, id), text, text); err != nil {
			t.Fatal(err)
		}
	}
	troubles := map[string][2]string{ // by code: as it was put, and as it is now
		manifest.Vanished: {"VBC shows none of the company recordings that it had", "VBC shows none of the company recordings that it had before"},
		manifest.NoUsers: {"the account's users could not be listed, so not all on-demand recordings are known: VBC answered 403",
			"the account's users could not be listed, so some on-demand recordings may be missing: VBC answered 403"},
		manifest.Transcripts: {"the transcripts of company recordings are not known: VBC refuses to show them, so there may be some; give the user of VBC_USERNAME the right to see them: 403",
			"the transcripts of company recordings are unknown: VBC refuses to list them, so there may be some; give the user of VBC_USERNAME the permission to see them: 403"},
	}
	for code, reasons := range troubles {
		if _, err := db.Exec(`INSERT INTO trouble (kind, owner, code, reason, since, last, run, acknowledged) VALUES ('company', '', ?, ?, 1, 1, 1, 'ticket')`, code, reasons[0]); err != nil {
			t.Fatal(err)
		}
	}
	m, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for text, want := range texts {
		row, err := m.Get(t.Context(), vbc.Key{Kind: vbc.Company, ID: ids[text]})
		f := row.Failure
		if err != nil || f.Code != want || f.AcknowledgingCode != want || f.Reason != text {
			t.Errorf("%q has the code %q, want %q; %v", text, f.Code, want, err)
		}
		if f.Known(want, "the same in other words") != (want != "") || f.Known("another", "the same in other words") || f.Known("", text) != (want == "") {
			t.Errorf("%q: what is known of it is not what was acknowledged", text)
		}
	}
	for code, reasons := range troubles {
		if err := m.SetTroubles(t.Context(), 2, manifest.Trouble{Kind: vbc.Company, Code: code, Reason: reasons[1]}); err != nil {
			t.Fatal(err)
		}
	}
	all, err := m.Troubles(t.Context())
	if err != nil || len(all) != len(troubles) {
		t.Errorf("%+v, %v", all, err)
	}
	for _, is := range all {
		if is.Acknowledged != "ticket" {
			t.Errorf("%s is news: %s", is.Code, is.Reason)
		}
	}
}

// The columns are there whatever the format was: those of format 6 and older get
// them with their new rows.
func TestEveryFormatGetsCodes(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func(*testing.T, string){"1": older, "8": format8} {
		path := filepath.Join(t.TempDir(), name)
		make(t, path)
		m, err := Open(t.Context(), path)
		if err != nil {
			t.Fatalf("of format %s: %v", name, err)
		}
		r := vbc.ParseRecording(vbc.Company, "", fmt.Appendf(nil, `{"id":9,"start":%q}`, vbc.FormatTime(time.Now().AddDate(-1, 0, 0))))
		if _, err := m.Add(t.Context(), 1, []vbc.Recording{r}); err != nil {
			t.Fatal(err)
		}
		if err := m.Failed(t.Context(), r, 1, manifest.Failure{Code: "size", Reason: "why"}); err != nil {
			t.Errorf("of format %s: %v", name, err)
		}
		if row, err := m.Get(t.Context(), vbc.Key{Kind: vbc.Company, ID: 9}); err != nil || row.Failure.Code != "size" {
			t.Errorf("of format %s: %+v, %v", name, row.Failure, err)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
}

// An acknowledged failure with a new text and the same code is known; one with
// another code is news; what has been done, and fails again, is news too.
func TestAcknowledgementGoesByTheCode(t *testing.T) {
	t.Parallel()
	m, err := Open(t.Context(), filepath.Join(t.TempDir(), "m"))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	r := vbc.ParseRecording(vbc.Company, "", []byte(`{"id":1,"start":"2025-05-12T10:15:00+0000"}`))
	if _, err := m.Add(t.Context(), 1, []vbc.Recording{r}); err != nil {
		t.Fatal(err)
	}
	fail := func(code, reason string) manifest.Failure {
		t.Helper()
		if err := m.Failed(t.Context(), r, 1, manifest.Failure{Code: code, Reason: reason, Permanent: true}); err != nil {
			t.Fatal(err)
		}
		row, err := m.Get(t.Context(), vbc.Key{Kind: vbc.Company, ID: 1})
		if err != nil {
			t.Fatal(err)
		}
		return row.Failure
	}
	if f := fail("size", "3 bytes"); f.Known(f.Code, f.Reason) {
		t.Error("nobody has acknowledged it")
	}
	if err := m.Acknowledge(t.Context(), r, "a ticket"); err != nil {
		t.Fatal(err)
	}
	if f := fail("size", "4 bytes"); !f.Known(f.Code, f.Reason) || f.Acknowledging != "3 bytes" || f.AcknowledgingCode != "size" {
		t.Errorf("%+v: another text, and the same code", f)
	}
	if f := fail("not-audio", "3 bytes"); f.Known(f.Code, f.Reason) {
		t.Errorf("%+v: another code, and the same text", f)
	}
	if f := fail("size", "5 bytes"); !f.Known(f.Code, f.Reason) {
		t.Errorf("%+v: what was acknowledged, once more", f)
	}
	if err := m.exec(t.Context(), "UPDATE recording SET state = 'verified', "+healed); err != nil {
		t.Fatal(err)
	}
	if f := fail("size", "5 bytes"); f.Known(f.Code, f.Reason) || f.Attempts != 1 {
		t.Errorf("%+v: it had been done since", f)
	}
}
