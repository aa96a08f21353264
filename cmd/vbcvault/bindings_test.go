package main

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/vbc"
)

// A manifest is another account's for as long as its file is the one that was read.
func TestBindingsHoldForTheirFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	for name, change := range map[string]func() error{
		"written into": func() error {
			return os.WriteFile(path, []byte("something else"), 0o600)
		},
		"touched": func() error {
			return os.Chtimes(path, time.Time{}, time.Now().Add(-time.Hour))
		},
		"replaced": func() error {
			other := filepath.Join(dir, "b")
			info, err := os.Stat(path)
			if err == nil {
				err = os.WriteFile(other, []byte("manifest"), 0o600)
			}
			if err == nil {
				err = os.Chtimes(other, time.Time{}, info.ModTime())
			}
			if err == nil {
				err = os.Rename(other, path)
			}
			return err
		},
		"removed": func() error { return os.Remove(path) },
	} {
		if err := os.WriteFile(path, []byte("manifest"), 0o600); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		b := &bindings{}
		if b.learn(path, info, ""); b.elsewhere(path, "1") {
			t.Error("one that is bound to nothing is another's")
		}
		b.learn(path, info, "2")
		if !b.elsewhere(path, "1") || b.elsewhere(path, "2") {
			t.Error("it isn't known whose it is")
		}
		if err := change(); err != nil {
			t.Fatal(err)
		}
		if b.elsewhere(path, "1") {
			t.Errorf("one that was %s is still another's", name)
		}
	}
	var none *bindings
	if none.learn(path, nil, "2"); none.elsewhere(path, "1") {
		t.Error("nothing remembers")
	}
}

// Only names that manifests get of themselves say whose they are.
func TestNamesOfManifests(t *testing.T) {
	t.Parallel()
	own := manifestPath("/x", "549825", "", "", destination{bucket: "acme", prefix: "calls"})
	for path, want := range map[string]bool{
		own:                                    false,
		"/x/7_s3-acme_0123abcd.manifest":       true,
		"/x/5498250_s3-acme_0123abcd.manifest": true,
		"/x/0549825_s3-acme_0123abcd.manifest": false,
		"/x/self_s3-acme_0123abcd.manifest":    false,
		"/x/7.manifest":                        false,
		"/x/7_acme.manifest":                   false,
		"/x/7_s3-acme_0123abcd":                false,
		"/7_s3-acme_0123abcd.manifest/x":       false,
	} {
		if got := namedForAnother(path, "549825"); got != want {
			t.Errorf("%s: another's: %v", path, got)
		}
	}
	if namedForAnother(own, "") {
		t.Error("without an account nobody is another")
	}
}

// Accounts of one process that are refused at the same moment are all remembered.
func TestLoginsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	f := refusedEverywhere{{path: filepath.Join(t.TempDir(), refusedFile)}}
	login := func(i int) string { return fmt.Sprintf("user%d\x00password", i) }
	const n = 5
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			if err := f.SetRefused(login(i), vbc.Refusal{At: time.Now(), Reason: fmt.Sprint(i)}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for i := range n {
		if r, ok, _ := f.Refused(login(i)); !ok || r.Reason != fmt.Sprint(i) {
			t.Errorf("login %d: %v, %v", i, r, ok)
		}
	}
	if _, ok, _ := f.Refused("user1\x00another password"); ok {
		t.Error("another password is refused")
	}
	for i := range n {
		all.Go(func() {
			if err := f.Forget(login(i)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if _, err := os.Stat(f[0].path); !os.IsNotExist(err) {
		t.Errorf("something is left: %v", err)
	}
}
