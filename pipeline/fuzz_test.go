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

	"github.com/vbcvault/vbcvault/pipeline/spool"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

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
		found, err := match([]*spool.File{file}, needed, all, 0)
		if err != nil && !isA[*strangeError](err) && !isA[*spool.Unusable](err) {
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
