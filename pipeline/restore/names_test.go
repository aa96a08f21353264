package restore

import (
	"path"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

func namesOf(t testing.TB, template string) Names {
	t.Helper()
	n, err := ParseNames(template)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func called(caller string) manifest.Row {
	row := manifest.Row{Recording: vbc.Recording{
		Account: "549825", Kind: vbc.Company, ID: 193228, Start: time.Date(2026, 5, 12, 10, 15, 0, 0, time.UTC),
		CallerID: caller, CNAM: caller, DNIS: caller, CallID: caller, Direction: caller, Extensions: []string{caller, "101"}, Owner: caller,
	}}
	row.Copy.Audio.Key, row.Copy.Sidecar.Key, row.Copy.Transcript.Key = "a.mp3", "a.json", "a.transcript-0123abcd.txt"
	return row
}

func TestNames(t *testing.T) {
	for caller, want := range map[string]string{
		"+1 732 555 0100":                        "20260512T101500Z_+1_732_555_0100_193228",
		"":                                       "20260512T101500Z_none_193228",
		"../../etc":                              "20260512T101500Z_etc_193228",
		"e\u0301":                                "20260512T101500Z_\u00e9_193228",
		"a\u202eb\x00c":                          "20260512T101500Z_a_b_c_193228",
		strings.Repeat("x", longestValue) + "yz": "20260512T101500Z_" + strings.Repeat("x", longestValue) + "_193228",
	} {
		files := namesOf(t, DefaultNames).files(called(caller))
		if len(files) != 3 || files[0].name != want+".mp3" || files[1].name != want+".json" || files[2].name != want+".transcript.txt" {
			t.Errorf("%q: %+v", caller, files)
		}
	}
	for template, want := range map[string]string{
		"{kind}/{account}/{id}.{ext}":          "company/549825/193228.mp3",
		"{cnam}/x.mp3":                         "_con/x.mp3",
		"{cnam}.{id}.mp3":                      "_con.193228.mp3",
		"{direction}_{extension}.mp3":          "con_con+101.mp3",
		strings.Repeat("{cnam}", 80) + "-.mp3": strings.Repeat("con", 63) + "co~" + storage.SumOf([]byte(strings.Repeat("con", 80) + "-")).String()[:8] + ".mp3",
	} {
		if got := namesOf(t, template).files(called("con"))[0].name; got != want {
			t.Errorf("%s: %s, want %s", template, got, want)
		}
	}
}

// Whatever VBC says and whatever template is taken, names are such that every
// system takes them, lead nowhere, and are always the same.
func FuzzNames(f *testing.F) {
	f.Add(DefaultNames, "17325550100")
	f.Add("{kind}/{caller_id}/{cnam}.{dnis}-{direction}.mp3", "../..\\..\x00")
	f.Add("{cnam}{cnam}{cnam}{cnam}{cnam}{cnam}/{call_id} {user}.{ext}", strings.Repeat("\u00fc.", 300))
	f.Add("nul/{extension}.mp3", "COM\u00b9.")
	f.Add("{cnam}.mp3", "\u212aA\u0308\u0323\uff0e\uff0e\u3002\ufffd\xff")
	f.Fuzz(func(t *testing.T, template, said string) {
		n, err := ParseNames(template)
		if err != nil {
			return
		}
		row := called(said)
		for i, file := range n.files(row) {
			if again := n.files(row)[i].name; again != file.name {
				t.Fatalf("%q, and then %q", file.name, again)
			}
			if err := storage.CheckKey(file.name); err != nil && len(file.name) <= 900 {
				t.Fatalf("%q: %v", file.name, err)
			}
			if strings.Count(file.name, "/") != strings.Count(template, "/") {
				t.Fatalf("%q is as deep as %q", file.name, template)
			}
			for element := range strings.SplitSeq(file.name, "/") {
				base, _, _ := strings.Cut(element, ".")
				if strings.TrimRight(element, ". ") != element || isDevice(strings.TrimRight(base, " ")) || len(element) > 255 || !utf8.ValidString(element) {
					t.Fatalf("%q in %q", element, file.name)
				}
			}
		}
		plain := harmless(said)
		if plain == "" || len(plain) > longestValue || path.Base(plain) != plain || !norm.NFC.IsNormalString(plain) || strings.ContainsFunc(plain, func(r rune) bool {
			return !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsDigit(r) && !strings.ContainsRune("+-._@", r)
		}) {
			t.Fatalf("%q becomes %q", said, plain)
		}
	})
}
