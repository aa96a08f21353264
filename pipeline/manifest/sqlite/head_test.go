package sqlite

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/vbc"
)

// The end of the chain that is remembered is what is written down, whatever others
// write beside, and whatever fails and is taken back.
func TestRememberedHeadIsTheChains(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(seed, 0))
			path := filepath.Join(t.TempDir(), "m")
			fails := errors.New("this change fails")
			var lost error // of the commit that comes next
			m, err := Open(t.Context(), path, WithCommits(func(commit func() error) error {
				if lost != nil {
					return lost
				}
				return commit()
			}))
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			if err := m.Bind(t.Context(), manifest.Binding{Account: "549825"}); err != nil {
				t.Fatal(err)
			}
			beside, err := OpenBeside(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			defer beside.Close()
			r := vbc.ParseRecording(vbc.Company, "", manifest.Bare(1, time.Unix(1747044901, 0).UTC(), 1000))
			r.Account = "549825"
			entry := func(tx txn) error {
				was, err := readChain(tx)
				if err != nil {
					return err
				}
				if is, err := chain(tx); err != nil || is != was {
					t.Errorf("%+v is remembered, and %+v written down, %v", is, was, err)
				}
				e := receipt.New(receipt.Result, 1, r)
				e.Outcome = receipt.StillThere
				return addEntry(tx, e)
			}
			add := func(m *Manifest, fail error) {
				err := m.do(t.Context(), func(tx txn) error { return errors.Join(entry(tx), fail) })
				if (err != nil) != (fail != nil || lost != nil) {
					t.Error(err)
				}
			}
			for range 100 {
				switch rng.IntN(6) {
				case 0:
					add(beside, nil)
				case 1:
					add(m, fails)
				case 2:
					lost = errors.New("the disk is full")
					add(m, nil)
					lost = nil
				case 3:
					var all sync.WaitGroup
					for i := range 8 {
						all.Go(func() {
							if i%4 == 0 {
								add(m, fails)
							} else {
								add(m, nil)
							}
						})
					}
					all.Wait()
				default:
					add(m, nil)
				}
			}
			var c receipt.Chain
			for line, err := range m.Receipts(t.Context(), 0) {
				if err != nil {
					t.Fatal(err)
				}
				if _, err := c.Next(line); err != nil {
					t.Fatal(err)
				}
			}
			if is, err := m.Chain(t.Context()); err != nil || is != c || c.Last < 100 {
				t.Errorf("%+v, %v; want %+v", is, err, c)
			}
		})
	}
}
