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
