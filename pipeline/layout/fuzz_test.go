package layout

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// No text of VBC's is ever part of a key, whatever it is.
func FuzzKeys(f *testing.F) {
	f.Add("549825", "company", "", int64(193228), int64(1747044900), "a.mp3")
	f.Add("../..", "on-demand", "745249/../..", int64(-1), int64(1)<<60, "../../etc/passwd")
	f.Add("1", "on-demand", "\x00", int64(0), int64(-1), "..\\..")
	f.Fuzz(func(t *testing.T, account, kind, owner string, id, start int64, name string) {
		raw, err := json.Marshal(map[string]any{
			"id": id, "start": vbc.FormatTime(time.Unix(start%1e11, 0)), "file_name": name, "download_url": name, "call_id": name,
			"_links": map[string]any{"self": map[string]any{"href": "/accounts/" + account + "/users/" + owner + "/call_recordings/" + name}},
		})
		if err != nil {
			t.Fatal(err)
		}
		k := vbc.Company
		if kind != string(vbc.Company) {
			k = vbc.OnDemand
		}
		r := vbc.ParseRecording(k, owner, raw)
		if r.Unreadable != "" {
			return
		}
		base, err := Stem(r)
		if err != nil {
			return
		}
		for _, key := range []string{base + ".mp3", Beside(base+".mp3", storage.SumOf([]byte(name)))} {
			if err := storage.CheckKey(key); err != nil || !strings.HasPrefix(key, Recordings(r.Account)) || strings.Contains(key, "..") {
				t.Errorf("%q, %v", key, err)
			}
		}
		other := r
		other.ID++
		if second, err := Stem(other); err == nil && second == base {
			t.Errorf("two recordings have the key %q", base)
		}
	})
}

// What VBC said of a recording comes back out of a sidecar as it went in.
func FuzzSidecar(f *testing.F) {
	for _, s := range []string{`{"id":1}`, `{"id":1,"x":"\u2028<>&","n":1e400}`, `{"recording":{"size":0}}`, `null`, `3`, ``} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var hostile Sidecar
		_ = json.Unmarshal(raw, &hostile) // must not panic, whatever lies in the store
		vbc.ParseRecording(hostile.Kind, hostile.Owner, hostile.Recording).Same(vbc.Recording{ID: 1})
		var compact bytes.Buffer
		if json.Compact(&compact, raw) != nil {
			return
		}
		in := Sidecar{Format: 1, Account: "1", Size: 2, SHA256: storage.SumOf(raw), Recording: compact.Bytes()}
		text, err := in.Encode()
		var out Sidecar
		if err != nil || json.Unmarshal(text, &out) != nil {
			t.Fatalf("%v: %s", err, text)
		}
		if string(out.Recording) != compact.String() && compact.String() != "null" || out.SHA256 != in.SHA256 {
			t.Errorf("%s became %s", compact.String(), out.Recording)
		}
	})
}

func FuzzReceiptNames(f *testing.F) {
	f.Add(Bundle{Chain: "ABC", First: 1, Last: 2, Head: storage.SumOf(nil)}.Key("1"))
	f.Add("receipts/account=1/chain=A/000000000002-000000000001_x.jsonl")
	f.Fuzz(func(t *testing.T, key string) {
		if b, ok := ParseBundle(storage.Object{Key: key}); ok && (b.First < 1 || b.Last < b.First || !strings.HasSuffix(key, strings.TrimPrefix(b.Key("1"), Receipts("1")))) {
			t.Errorf("%q is %+v", key, b)
		}
	})
}
