package sqlite

import (
	"database/sql"
	"regexp"
	"strconv"

	"github.com/vbcvault/vbcvault/pipeline/code"
)

// Programs of format 8 and older wrote no codes, and many of their texts are put
// differently now. So that a failure that somebody has acknowledged isn't news
// again, and status still knows what to do about it, the code is read out of the
// text. What is in none of these forms has none until it fails again.
var olderTexts = []struct {
	form *regexp.Regexp
	code string
}{
	{regexp.MustCompile(`whether VBC still has it is not known`), code.Unclear},
	{regexp.MustCompile(`VBC lists several transcripts of it`), code.TranscriptMark + code.Several},
	{regexp.MustCompile(`^fetch the transcript of .*: the answer (is|says)`), code.TranscriptMark + code.NotTranscript},
	{regexp.MustCompile(`what VBC sent is not audio but `), code.NotAudio},
	{regexp.MustCompile(`what VBC sent has a format that is not known as audio`), code.UnknownFormat},
	{regexp.MustCompile(`VBC sent \d+ bytes and its listing declares`), code.Size},
	{regexp.MustCompile(`its audio is, byte for byte, that of`), code.EqualAudio},
	{regexp.MustCompile(`the audio that VBC sent for .* is, byte for byte, that of`), code.Alike},
	{regexp.MustCompile(`a lifecycle rule of the destination will remove the copy`), code.Expiring},
	{regexp.MustCompile(`is not kept as was asked for`), code.Unprotected},
	{regexp.MustCompile(`its address is on another host`), code.ForeignHost},
	{regexp.MustCompile(`gives no usable download_url`), code.NoAddress},
	{regexp.MustCompile(`^VBC lists this recording again although`), code.Reappeared},
}

var olderAnswer = regexp.MustCompile(`^(download|delete|fetch the transcript of) .*?: VBC answered ([345]\d\d)(?: \(fault (\d+)\))?`)

// codeOfText is the code of a failure that an older program wrote, "" if it can't
// be told.
func codeOfText(text string) string {
	for _, t := range olderTexts {
		if t.form.MatchString(text) {
			return t.code
		}
	}
	m := olderAnswer.FindStringSubmatch(text)
	if m == nil {
		return ""
	}
	status, _ := strconv.Atoi(m[2])
	fault, _ := strconv.Atoi(m[3])
	word := code.OfStatus(status, fault)
	switch {
	case m[1] == "delete" && (status == 404 || status == 410):
		return code.Unclear
	case m[1] == "delete":
		return code.DeletionMark + word
	case m[1] != "download":
		return code.TranscriptMark + word
	}
	return word
}

// readCodes gives failures of older programs their codes, and puts the reasons of
// troubles as this program puts them: by those they are acknowledged.
func readCodes(tx *sql.Tx) error {
	for column, text := range map[string]string{"code": "reason", "acknowledging_code": "acknowledging"} {
		codes, err := codesOf(tx, "SELECT DISTINCT "+text+" FROM recording WHERE reason <> '' AND "+text+" <> ''")
		if err != nil {
			return err
		}
		for reason, word := range codes {
			if _, err := tx.Exec("UPDATE recording SET "+column+" = ? WHERE reason <> '' AND "+text+" = ?", word, reason); err != nil {
				return err
			}
		}
	}
	for _, t := range olderReasons {
		if _, err := tx.Exec("UPDATE trouble SET reason = replace(reason, ?, ?)", t[0], t[1]); err != nil {
			return err
		}
	}
	_, err := tx.Exec("UPDATE trouble SET reason = reason || ' before' WHERE code = 'vanished' AND reason LIKE '% that it had'")
	return err
}

// olderReasons are what troubles that last had for a reason, and have now.
var olderReasons = [][2]string{
	{"no call was recorded then", "no call can have been recorded then"},
	{"so not all on-demand recordings are known: ", "so some on-demand recordings may be missing: "},
	{"VBC lists none, and the user of these credentials is one", "VBC lists no users, but the user of these credentials is one"},
	{"the transcripts of company recordings are not known", "the transcripts of company recordings are unknown"},
	{"(--no-transcripts leaves transcripts out)", "(--no-transcripts skips transcripts)"},
	{"VBC refuses to show them, so there may be some; give the user of VBC_USERNAME the right to see them", "VBC refuses to list them, so there may be some; give the user of VBC_USERNAME the permission to see them"},
	{"this account has had some, and now ", "this account had transcripts before, and now "},
}

// codesOf are the codes of the texts that a query yields, as far as they have some.
func codesOf(tx *sql.Tx, query string) (map[string]string, error) {
	rows, err := tx.Query(query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	codes := map[string]string{}
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		if word := codeOfText(text); word != "" {
			codes[text] = word
		}
	}
	return codes, rows.Err()
}
