package layout

import (
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

func TestKeysAreMadeOfNumbers(t *testing.T) {
	at := time.Date(2026, 5, 12, 12, 15, 0, 0, time.FixedZone("", 2*3600))
	for _, c := range []struct {
		r    vbc.Recording
		want string
	}{
		{vbc.Recording{Kind: vbc.Company, Account: "549825", ID: 193228, Start: at, FileName: "../../x"},
			"account=549825/kind=company/year=2026/month=05/day=12/20260512T101500Z_193228"},
		{vbc.Recording{Kind: vbc.OnDemand, Account: "549825", Owner: "745249", ID: 1, Start: at},
			"account=549825/kind=on-demand/user=745249/year=2026/month=05/day=12/20260512T101500Z_1"},
		{vbc.Recording{Kind: vbc.Company, Account: "../x", ID: 1, Start: at}, ""},
		{vbc.Recording{Kind: vbc.Company, ID: 1, Start: at}, ""},
		{vbc.Recording{Kind: vbc.OnDemand, Account: "1", Owner: "self", ID: 1, Start: at}, ""},
	} {
		got, err := Stem(c.r)
		if got != c.want || (err != nil) != (c.want == "") {
			t.Errorf("%v: %q, %v", c.r, got, err)
		}
	}
	if got := Beside("a.b/c.mp3", storage.SumOf(nil)); got != "a.b/c-e3b0c442.mp3" {
		t.Error(got)
	}
}

// Whoever reads or writes keys knows all names beside.
func TestNamesBesideAreOfTheirRecording(t *testing.T) {
	base, err := Stem(vbc.Recording{Account: "549825", Kind: vbc.Company, ID: 7, Start: time.Date(2026, 5, 12, 10, 15, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	for _, digits := range []int{FewDigits, FreeDigits, AllDigits} {
		key := BesideBy(base+".mp3", storage.SumOf(nil), digits)
		if _, of, ok := ParseKey(key); !ok || of != base || !IsOf(base, key) {
			t.Errorf("%s is taken for %q's, %v", key, of, ok)
		}
	}
	if !IsTranscript(base, Beside(base+".transcript.txt", storage.SumOf(nil))) {
		t.Error("a transcript beside is no transcript")
	}
}

// Names that end in one id are told from those of longer ones.
func TestBearsID(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]bool{
		"a/20260512T101500Z_7.mp3": true, "a/20260512T101500Z_7-1a2b3c4d.json": true, "a/old_7.mp3": true, "a/_77_7.transcript.txt": true,
		"a/20260512T101500Z_77.mp3": false, "a/20260512T101500Z_17.mp3": false, "a_7.b/20260512T101500Z_8.mp3": false, "a/7.mp3": false, "a/x_7": false,
	} {
		if has := BearsID(key, 7); has != want {
			t.Errorf("%s: %v", key, has)
		}
	}
}
