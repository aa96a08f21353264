package storagetest_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/dirstore"
	"github.com/vbcvault/vbcvault/storage/storagetest"
)

func TestFaultsOfPut(t *testing.T) {
	for fault, want := range map[storagetest.Fault]struct{ failed, read, sealed, stored bool }{
		storagetest.None:             {false, true, true, true},
		storagetest.NotApplied:       {true, false, false, false},
		storagetest.SealedNotApplied: {true, true, true, false},
		storagetest.AppliedButFailed: {true, true, true, true},
	} {
		d, err := dirstore.Open(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		f := &storagetest.Faulty{Destination: d, Hook: func(op storagetest.Op, key string) storagetest.Fault {
			if op == storagetest.OpPut && key == "k" {
				return fault
			}
			return storagetest.None
		}}
		r, sealed := strings.NewReader("bytes"), storage.Object{}
		_, err = f.Put(t.Context(), "k", storage.Body{Reader: r, Seal: func(o storage.Object) error { sealed = o; return nil }}, storage.Attrs{})
		if errors.Is(err, storagetest.ErrInjected) != want.failed || (err != nil) != want.failed {
			t.Errorf("fault %d: %v", fault, err)
		}
		if read := r.Len() == 0; read != want.read {
			t.Errorf("fault %d: body read: %v", fault, read)
		}
		if isSealed := sealed.SHA256 == storage.SumOf([]byte("bytes")); isSealed != want.sealed {
			t.Errorf("fault %d: sealed: %v", fault, isSealed)
		}
		if _, err := f.Stat(t.Context(), storage.Object{Key: "k"}); (err == nil) != want.stored {
			t.Errorf("fault %d: stat: %v", fault, err)
		}
		if f.Count(storagetest.OpPut) != 1 || len(f.Calls()) != 2 {
			t.Errorf("fault %d: calls %v", fault, f.Calls())
		}
	}
}

func TestFaultsOfReading(t *testing.T) {
	d, err := dirstore.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	fault := storagetest.None
	f := &storagetest.Faulty{Destination: d, Err: storage.ErrRefused, Hook: func(storagetest.Op, string) storagetest.Fault { return fault }}
	o, err := f.Put(t.Context(), "k", storage.Body{Reader: strings.NewReader("bytes")}, storage.Attrs{})
	if err != nil {
		t.Fatal(err)
	}
	fault = storagetest.NotApplied
	if _, err := f.Open(t.Context(), o); !errors.Is(err, storage.ErrRefused) {
		t.Errorf("open: %v", err)
	}
	fault = storagetest.AppliedButFailed
	if has, err := f.Stat(t.Context(), o); !errors.Is(err, storage.ErrRefused) || has.Proven() && has.Size != 0 {
		t.Errorf("stat: %+v, %v", has, err)
	}
	r, err := f.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if b, err := io.ReadAll(r); string(b) != "bytes" || !errors.Is(err, storage.ErrRefused) {
		t.Errorf("read: %q, %v", b, err)
	}
	listed := 0
	for _, err = range f.List(t.Context(), "") {
		listed++
	}
	if listed != 2 || !errors.Is(err, storage.ErrRefused) {
		t.Errorf("list: %d, ending with %v", listed, err)
	}
}
