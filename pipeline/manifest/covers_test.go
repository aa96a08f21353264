package manifest

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/vbc"
)

func TestHoldCovers(t *testing.T) {
	start := time.Date(2025, 5, 12, 10, 15, 0, 0, time.UTC)
	recording := func(caller, extensions string) vbc.Recording {
		return vbc.ParseRecording(vbc.Company, "", json.RawMessage(`{"id":7,"start":"2025-05-12T10:15:00+0000","caller_id":`+caller+`,"extensions":`+extensions+`}`))
	}
	r := recording(`"17325550100"`, `[101,"102"]`)
	for _, c := range []struct {
		hold Hold
		r    vbc.Recording
		want bool
	}{
		{Hold{IDs: []int64{6, 7}}, r, true},
		{Hold{IDs: []int64{8}}, r, false},
		{Hold{CallerID: "+1 (732) 555-0100"}, r, true},
		{Hold{CallerID: "732 555 0100"}, r, true},
		{Hold{CallerID: "0017325550100"}, r, true},
		{Hold{CallerID: "17325550101"}, r, false},
		{Hold{CallerID: "020 7946 0958"}, recording(`"+442079460958"`, `[]`), true},
		{Hold{CallerID: "+44 (0)20 7946 0958"}, recording(`"442079460958"`, `[]`), true},
		{Hold{CallerID: "17325550100"}, recording(`"sip:+17325550100@10.0.0.1"`, `[]`), true},
		{Hold{CallerID: "17325550100"}, recording(`"17325550100 x12"`, `[]`), true},
		{Hold{CallerID: "0100"}, r, false},
		{Hold{CallerID: "0100"}, recording(`"0100"`, `[]`), true},
		{Hold{CallerID: "17325550100"}, recording(`17325550100`, `null`), true},
		{Hold{CallerID: "Anonymous"}, recording(`"anonymous "`, `null`), true},
		{Hold{CallerID: "17325550100"}, recording(`null`, `null`), false},
		{Hold{Extension: "101"}, r, true},
		{Hold{Extension: "102"}, r, true},
		{Hold{Extension: "10"}, r, false},
		{Hold{Extension: "101"}, recording(`1`, `101`), true},
		{Hold{Extension: "102"}, recording(`1`, `"101"`), false},
		{Hold{Extension: "102"}, recording(`1`, `[{"extension":"101"}]`), true}, // nobody can tell
		{Hold{Extension: "102"}, recording(`1`, `{"extension":"101"}`), true},
		{Hold{Extension: "102"}, recording(`1`, `null`), false},
		{Hold{Since: start}, r, true},
		{Hold{Since: start.Add(time.Second)}, r, false},
		{Hold{Until: start}, r, false},
		{Hold{Until: start.Add(time.Second)}, r, true},
		{Hold{IDs: []int64{7}, Extension: "103"}, r, false}, // all of them must match
		{Hold{Lost: true, IDs: []int64{8}}, r, true},
		{Hold{}, r, true},
	} {
		if got := c.hold.Covers(c.r); got != c.want {
			t.Errorf("%+v covers caller %q, extensions %v: %v", c.hold, c.r.CallerID, c.r.Extensions, got)
		}
	}
	if _, held := Covering([]Hold{{IDs: []int64{7}, Removed: &Removal{}}}, r); held {
		t.Error("a hold that has ended holds")
	}
}
