package pipeline

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/json"
	"io"
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
		base, err := stem(r)
		if err != nil {
			return
		}
		for _, key := range []string{base + ".mp3", beside(base+".mp3", storage.SumOf([]byte(name)))} {
			if err := storage.CheckKey(key); err != nil || !strings.HasPrefix(key, accountPrefix(r.Account)) || strings.Contains(key, "..") {
				t.Errorf("%q, %v", key, err)
			}
		}
		other := r
		other.ID++
		if second, err := stem(other); err == nil && second == base {
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
		var hostile sidecar
		_ = json.Unmarshal(raw, &hostile) // must not panic, whatever lies in the store
		vbc.ParseRecording(hostile.Kind, hostile.Owner, hostile.Recording).Same(vbc.Recording{ID: 1})
		var compact bytes.Buffer
		if json.Compact(&compact, raw) != nil {
			return
		}
		in := sidecar{Format: 1, Account: "1", Size: 2, SHA256: storage.SumOf(raw), Recording: compact.Bytes()}
		text, err := in.encode()
		var out sidecar
		if err != nil || json.Unmarshal(text, &out) != nil {
			t.Fatalf("%v: %s", err, text)
		}
		if string(out.Recording) != compact.String() && compact.String() != "null" || out.SHA256 != in.SHA256 {
			t.Errorf("%s became %s", compact.String(), out.Recording)
		}
	})
}

// Only a plan that is whole is one.
func FuzzPlan(f *testing.F) {
	var b bytes.Buffer
	w := newPlanWriter(&b)
	for id := range int64(3) {
		if err := w.add(vbc.Recording{Kind: vbc.Company, ID: id + 1, Start: time.Unix(1747044900, 0), Size: 7}); err != nil {
			f.Fatal(err)
		}
	}
	if _, err := w.finish("549825", "s3://b", time.Unix(1747044900, 0)); err != nil {
		f.Fatal(err)
	}
	good := b.Bytes()
	f.Add(good)
	f.Add([]byte(`{"vbcvault_plan":1}`))
	f.Add(bytes.ReplaceAll(good, []byte("company"), []byte("on-demand")))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := ReadPlan(bytes.NewReader(text))
		if err != nil {
			return
		}
		if p.Count != int64(len(p.listed)) || p.SHA256.IsZero() {
			t.Errorf("%+v", p.PlanTotal)
		}
		var sum []byte
		for line := range bytes.Lines(text) {
			if !bytes.Contains(line, []byte("vbcvault_plan")) {
				sum = append(append(sum, bytes.TrimRight(line, "\r\n")...), '\n')
			}
		}
		about := p.PlanTotal
		about.SHA256 = storage.Digest{}
		last, err := json.Marshal(about)
		if err != nil {
			t.Fatal(err)
		}
		if len(p.listed) > 0 && storage.SumOf(append(sum, last...)) != p.SHA256 {
			t.Errorf("a plan whose lines don't have its SHA-256 was taken:\n%s", text)
		}
	})
}

func FuzzReceiptNames(f *testing.F) {
	f.Add(bundle{chain: "ABC", first: 1, last: 2, head: storage.SumOf(nil)}.key("1"))
	f.Add("receipts/account=1/chain=A/000000000002-000000000001_x.jsonl")
	f.Fuzz(func(t *testing.T, key string) {
		if b, ok := parseBundle(storage.Object{Key: key}); ok && (b.first < 1 || b.last < b.first || !strings.HasSuffix(key, strings.TrimPrefix(b.key("1"), receiptsPrefix("1")))) {
			t.Errorf("%q is %+v", key, b)
		}
	})
}

// Whatever comes in place of a ZIP: no panic, no entry longer than it may be,
// and nothing is taken for a recording of another name or size.
func FuzzExport(f *testing.F) {
	f.Add(zipOf(f, [2]string{"a.mp3", "aaa"}, [2]string{"../b.mp3", strings.Repeat("b", 1000)}))
	f.Add(lyingZIP(f))
	f.Add([]byte("PK\x05\x06"))
	f.Add([]byte("<html>"))
	needed := map[string]vbc.Recording{"a.mp3": {ID: 1, Size: 3}, "b.mp3": {ID: 2, Size: 1000}}
	var all census
	for name, rec := range needed {
		all.add(listed{id: rec.ID, name: sumOfName(name)})
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		file, err := spooledZIP(t, content, 2)
		if err != nil {
			return
		}
		found, err := match([]*spooled{file}, needed, all, 0)
		if err != nil && !isA[*strangeError](err) && !isA[*unusable](err) {
			t.Error(err)
		}
		for id, e := range found {
			size := int64(3)
			if id == 2 {
				size = 1000
			}
			audio, err := openEntry(e)
			if err != nil {
				continue
			}
			if n, _ := io.Copy(io.Discard, audio); n > size+1 {
				t.Errorf("%d bytes of an entry of %d", n, size)
			}
			audio.Close()
		}
	})
}

// lyingZIP has an entry that is far longer than its header says.
func lyingZIP(f *testing.F) []byte {
	var packed, b bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.BestSpeed)
	if err == nil {
		_, err = w.Write(make([]byte, 1<<20))
	}
	if err != nil || w.Close() != nil {
		f.Fatal(err)
	}
	z := zip.NewWriter(&b)
	e, err := z.CreateRaw(&zip.FileHeader{Name: "a.mp3", Method: zip.Deflate, UncompressedSize64: 3, CompressedSize64: uint64(packed.Len())})
	if err == nil {
		_, err = e.Write(packed.Bytes())
	}
	if err != nil || z.Close() != nil {
		f.Fatal(err)
	}
	return b.Bytes()
}
