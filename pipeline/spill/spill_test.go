package spill

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io/fs"
	"path/filepath"
	"runtime"
	"testing"
)

func keyOf(n int) (key [16]byte) {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n)))
	copy(key[:], sum[:])
	return key
}

// What belongs together comes back together, whole and in its order, with much in the
// file and with nothing there.
func TestParts(t *testing.T) {
	for _, n := range []int{0, 100, 300_000} {
		dir := t.TempDir()
		t.Setenv("TMPDIR", dir)
		t.Setenv("TMP", dir)
		var p Pile
		for round := range 2 {
			for i := range n {
				record := binary.BigEndian.AppendUint64(nil, uint64(i))
				record = append(record, make([]byte, i%40)...) // of several lengths
				if err := p.Add(keyOf(i), append(record, byte(round))); err != nil {
					t.Fatal(err)
				}
			}
			if err := p.AddToAll([]byte("all")); err != nil {
				t.Fatal(err)
			}
		}
		if p.file == nil != (n < 1000) {
			t.Fatalf("%d records: in a file: %v", n, p.file != nil)
		}
		if named, _ := filepath.Glob(filepath.Join(dir, "*")); runtime.GOOS != "windows" && len(named) > 0 {
			t.Errorf("a crash would leave %v", named)
		}
		seen := make([]byte, n) // how often
		for i := range Parts {
			all := 0
			last := -1
			for record, err := range p.Part(i) {
				if err != nil {
					t.Fatal(err)
				}
				if string(record) == "all" {
					all, last = all+1, -1
					continue
				}
				k := int(binary.BigEndian.Uint64(record))
				if round := record[len(record)-1]; len(record) != 9+k%40 || int(round) != all || k <= last || seen[k] != round || int(keyOf(k)[0]) != i {
					t.Fatalf("part %d: record %d of round %d behind %d, seen %d times, in round %d", i, k, round, last, seen[k], all)
				}
				last = k
				seen[k]++
			}
			if all != 2 {
				t.Fatalf("part %d: %d records for all parts", i, all)
			}
		}
		for k, times := range seen {
			if times != 2 {
				t.Fatalf("record %d was yielded %d times", k, times)
			}
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	}
}

// Memory is bounded, however much there is.
func TestMemory(t *testing.T) {
	var p Pile
	defer p.Close()
	var record [100]byte
	for i := range 500_000 {
		if err := p.Add(keyOf(i), record[:]); err != nil {
			t.Fatal(err)
		}
	}
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if m.HeapAlloc > 8<<20 {
		t.Errorf("%d MiB for %d MB of records", m.HeapAlloc>>20, p.end/1e6)
	}
	runtime.KeepAlive(&p)
}

// A full disk, or none to write on, is said.
func TestNoTemporaryFile(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none")
	t.Setenv("TMPDIR", none)
	t.Setenv("TMP", none)
	var p Pile
	var err error
	for i := 0; err == nil && i < 1_000_000; i++ {
		err = p.Add(keyOf(i), make([]byte, 100))
	}
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}
