package receipt

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

func entries() []Entry {
	r := vbc.Recording{Kind: vbc.Company, Account: "549825", ID: 7, FileName: "caller", CallID: "+15550100"}
	copied := storage.Object{Key: "k", Content: storage.Content{Size: 3, SHA256: storage.SumOf([]byte("abc"))}}
	intent, result := New(Intent, 1, r), New(Result, 1, r)
	intent.Audio, intent.Sidecar, intent.Verified = &copied, &copied, time.Now().UTC()
	result.Outcome, result.Status = Deleted, 204
	return []Entry{intent, result, intent, result}
}

func sealed(t testing.TB) [][]byte {
	t.Helper()
	c := Chain{ID: "C"}
	var lines [][]byte
	for _, e := range entries() {
		line, err := c.Seal(e)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	return lines
}

// follow reads lines and returns how far the chain holds.
func follow(lines [][]byte) (int64, error) {
	var c Chain
	for _, l := range lines {
		if _, err := c.Next(l); err != nil {
			return c.Last, err
		}
	}
	return c.Last, nil
}

func TestChainNamesItsFirstBreak(t *testing.T) {
	if n, err := follow(sealed(t)); n != 4 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	for name, c := range map[string]struct {
		change func([][]byte) [][]byte
		holds  int64
	}{
		"changed": {func(l [][]byte) [][]byte {
			l[1] = bytes.Replace(l[1], []byte(`"status":204`), []byte(`"status":404`), 1)
			return l
		}, 2},
		"removed":    {func(l [][]byte) [][]byte { return append(l[:1], l[2:]...) }, 1},
		"swapped":    {func(l [][]byte) [][]byte { l[1], l[2] = l[2], l[1]; return l }, 1},
		"slipped in": {func(l [][]byte) [][]byte { return [][]byte{l[0], l[1], l[1], l[2]} }, 2},
		"spaced":     {func(l [][]byte) [][]byte { l[0] = append(l[0], ' '); return l }, 1},
		"field more": {func(l [][]byte) [][]byte { l[2] = bytes.Replace(l[2], []byte(`{`), []byte(`{"note":1,`), 1); return l }, 2},
	} {
		n, err := follow(c.change(sealed(t)))
		var b *Break
		if n != c.holds || !errors.As(err, &b) || b.Seq != n+1 {
			t.Errorf("%s: holds up to %d, %v; want %d", name, n, err, c.holds)
		}
	}
}

func TestIntentNeedsAProvenCopy(t *testing.T) {
	c := Chain{ID: "C"}
	for _, spoil := range []func(*Entry){
		func(e *Entry) { e.Audio = nil }, func(e *Entry) { e.Sidecar = &storage.Object{Key: "k"} }, func(e *Entry) { e.Verified = time.Time{} },
		func(e *Entry) { e.ID = 0 }, func(e *Entry) { e.Type = "other" },
	} {
		e := entries()[0]
		spoil(&e)
		if _, err := c.Seal(e); err == nil || c.Last != 0 {
			t.Errorf("%+v was sealed", e)
		}
	}
}

// A line is taken only if the chain would have made it, and holds no caller's data.
func FuzzReceipts(f *testing.F) {
	for _, l := range sealed(f) {
		f.Add(l)
		if strings.Contains(string(l), "caller") || strings.Contains(string(l), "5550100") {
			f.Fatalf("a caller's data: %s", l)
		}
	}
	f.Add([]byte(`{"seq":1,"chain":"C","prev":"","type":"outcome","outcome":"deleted","account":"1","kind":"company","id":1}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		var c Chain
		e, err := c.Next(line)
		if err != nil {
			if c != (Chain{}) {
				t.Errorf("a refused line moved the chain: %+v", c)
			}
			return
		}
		if e.Seq != 1 || c.Last != 1 || c.Head != storage.SumOf(line) || e.ID <= 0 {
			t.Errorf("%+v, %+v", e, c)
		}
	})
}
