package archive

import (
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
)

// A release that somebody has put behind what a trusted manifest has signed ends no hold.
func TestReleaseBehindWhatIsSigned(t *testing.T) {
	t.Parallel()
	at := open(t, "directory")
	k, other := newKeeper(t, at), newKeeper(t, at)
	m := k.open()
	err := m.Bind(t.Context(), manifest.Binding{Account: testAccount})
	var h manifest.Hold
	if err == nil {
		h, err = m.AddHold(t.Context(), manifest.Hold{IDs: []int64{7}, Reason: "why", By: "who"})
	}
	m.Close()
	if err != nil {
		t.Fatal(err)
	}
	k.quiet(1)
	other.quiet(2)
	k.trust(t, other)
	text, err := json.Marshal(manifest.Removal{Hold: h.Digest, Reason: "none", By: "nobody", At: time.Unix(1, 0)})
	if err != nil {
		t.Fatal(err)
	}
	c := other.chain()
	b := layout.Bundle{Chain: c.ID, First: c.Last + 1}
	line, err := c.Seal(receipt.Entry{Type: receipt.Released, At: time.Unix(1, 0), Account: testAccount, Hold: 1, Digest: h.Digest, Removal: storage.SumOf(text)})
	if err != nil {
		t.Fatal(err)
	}
	b.Last, b.Head = c.Last, c.Head
	a := &Archive{store: at, log: slog.New(slog.DiscardHandler), account: testAccount}
	for key, body := range map[string][]byte{
		b.Key(testAccount): append(line, '\n'),
		layout.HoldKey(testAccount, manifest.HoldText{Hold: h.Digest, Ended: true}): text,
	} {
		if err := a.putProven(t.Context(), key, body, "application/json"); err != nil {
			t.Fatal(err)
		}
	}
	if doubts, err := k.night(0, Options{}); err != nil || len(doubts) != 1 || len(k.inForce()) != 1 {
		t.Errorf("%q, %v, in force: %+v", doubts, err, k.inForce())
	}
}
