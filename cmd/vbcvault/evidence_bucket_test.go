package main_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// attack is something that somebody does who may put objects into the bucket.
type attack struct {
	do    func(t *testing.T, w *world)
	wrong []string // what audit finds
	exit  int      // of the next run
	after []string // what audit finds after that run
}

// endOfHold puts the end of the hold beside the archive, and returns its receipt.
func endOfHold(w *world) receipt.Entry {
	w.t.Helper()
	digest, err := storage.ParseDigest(w.ask("SELECT digest FROM hold"))
	if err != nil {
		w.t.Fatal(err)
	}
	end := fmt.Sprintf(`{"hold":"%s","reason":"closed","by":"somebody","at":"2026-01-01T00:00:00Z"}`, digest)
	w.place("holds/account=549825/"+digest.String()+".removed.json", end)
	return receipt.Entry{Type: receipt.Released, At: time.Now().UTC(), Run: 99, Account: "549825", Hold: 1, Digest: digest, Removal: storage.SumOf([]byte(end))}
}

var attacks = map[string]attack{
	"a deletion that never was": {func(_ *testing.T, w *world) {
		f, id := w.forger(), w.some("verified")
		f.put(nil, f.about(receipt.Intent, id), f.about(receipt.Result, id))
	}, []string{"planted"}, 1, []string{"planted"}},
	"the erasure of one that is at VBC": {func(_ *testing.T, w *world) {
		f, id := w.forger(), w.some("verified")
		f.put(nil, f.about(receipt.Erasing, id), f.about(receipt.Erased, id))
	}, []string{"planted"}, 1, []string{"planted"}},
	"the erasure of one that is deleted": {func(t *testing.T, w *world) {
		f, id := w.forger(), w.some("purged")
		f.put(by(t, ""), f.about(receipt.Erasing, id), f.about(receipt.Erased, id))
	}, []string{"planted"}, 1, []string{"planted"}},
	"in the name of this manifest's key": {func(t *testing.T, w *world) {
		f, id := w.forger(), w.some("purged")
		f.put(by(t, w.keyName()), f.about(receipt.Erasing, id), f.about(receipt.Erased, id))
	}, []string{"forged", "planted"}, 1, []string{"forged", "planted"}},
	"with this manifest's checkpoint of something else": {func(_ *testing.T, w *world) {
		signed := w.ask("SELECT value FROM meta WHERE key = 'checkpoint'")
		f, id := w.forger(), w.some("purged")
		f.put(func(receipt.Checkpoint) []byte { return []byte(signed) }, f.about(receipt.Erasing, id), f.about(receipt.Erased, id))
	}, []string{"forged", "planted"}, 1, []string{"forged", "planted"}},
	"the end of a hold": {func(_ *testing.T, w *world) { endOfHold(w) }, []string{"hold-end"}, 1, []string{"hold-end"}},
	"the end of a hold with a receipt in this log": {func(_ *testing.T, w *world) {
		end := endOfHold(w)
		w.forger().put(nil, end)
	}, []string{"hold-end", "planted"}, 1, []string{"hold-end", "planted"}},
	"the end of a hold with a receipt in a log of its own": {func(t *testing.T, w *world) {
		end := endOfHold(w)
		f := &forger{w: w, c: receipt.Chain{ID: "PLANTED"}}
		f.put(by(t, ""), end)
	}, []string{"hold-end", "unknown-log"}, 1, []string{"hold-end", "unknown-log"}},
	"in the middle of this log": {func(t *testing.T, w *world) {
		f, id := w.forger(), w.some("purged")
		f.c = receipt.Chain{ID: f.c.ID, Last: 2, Head: storage.SumOf([]byte(w.ask("SELECT entry FROM receipt WHERE seq = 2")))}
		f.put(by(t, ""), f.about(receipt.Erasing, id), f.about(receipt.Erased, id))
	}, []string{"planted"}, 0, []string{"planted"}},
	"another log": {func(t *testing.T, w *world) {
		f, id := w.forger(), w.some("verified")
		f.c, f.tree = receipt.Chain{ID: "PLANTED"}, receipt.Tree{}
		f.put(by(t, ""), f.about(receipt.Intent, id), f.about(receipt.Result, id))
	}, []string{"unknown-log"}, 0, []string{"unknown-log"}},
	"another log without a signature": {func(_ *testing.T, w *world) {
		f, id := w.forger(), w.some("verified")
		f.c, f.tree = receipt.Chain{ID: "PLANTED"}, receipt.Tree{}
		f.put(nil, f.about(receipt.Intent, id), f.about(receipt.Result, id))
	}, []string{"unknown-log"}, 0, []string{"unknown-log"}},
	"another key for people": {func(t *testing.T, w *world) {
		key, err := receipt.NewKey()
		if err != nil {
			t.Fatal(err)
		}
		w.remove(w.of("/key.txt")[0])
		w.place("receipts/account=549825/chain="+w.forger().c.ID+"/key.txt", key.Verifier()+"\n")
	}, []string{"key-file"}, 1, nil},
}

// Whoever may put objects into the bucket can have nothing believed: it is named, the
// next run takes nothing of it over, and what is held stays.
func TestPlantedInTheBucket(t *testing.T) {
	t.Parallel()
	for name, a := range attacks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, vbctest.Config{}).inS3(nil)
			all := history(w)
			before, entries := w.states(), w.ask("SELECT count(*) FROM receipt")
			a.do(t, w)
			w.audited(a.wrong)
			w.want(w.archive("--older-than", "90d", "--delete", "--max-deletes", "0"), a.exit, map[string]int{"deleted": 0})
			if now := w.states(); now != before || w.ask("SELECT count(*) FROM receipt") != entries {
				t.Errorf("something was taken over: %s, it was %s; %s entries of %s", now, before, w.ask("SELECT count(*) FROM receipt"), entries)
			}
			w.want(w.archive("--older-than", "90d", "--delete"), a.exit*min(1, len(a.after)), map[string]int{"deleted": 2})
			if left := w.atVBC(); !slices.Equal(left, []int64{100001, 100002}) {
				t.Errorf("%v are left at VBC, and 100001 and 100002 are held", left)
			}
			w.audited(a.after)
			w.nothingLost(all)
		})
	}
}

// Whoever may delete objects of the bucket can remove receipts, and it is named; this
// manifest's own are stored again.
func TestRemovedFromTheBucket(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		remove         func(w *world)
		wrong, remarks []string
		exit           int
		after          []string
	}{
		"receipts of this manifest": {func(w *world) { w.remove(w.receipts()[0]) }, []string{"removed"}, nil, 1, nil},
		"the last of them":          {func(w *world) { w.remove(w.receipts()[len(w.receipts())-1]) }, []string{"removed"}, nil, 1, nil},
		"all of them": {func(w *world) {
			for _, k := range w.receipts() {
				w.remove(k)
			}
		}, []string{"removed"}, nil, 1, nil},
		"the signature of the last": {func(w *world) {
			last := w.receipts()[len(w.receipts())-1]
			body := w.read(last)
			w.remove(last)
			w.place(last, string(body[:bytes.Index(body, []byte(`{"checkpoint"`))]))
		}, []string{"removed"}, nil, 0, nil},
		"the key for people": {func(w *world) { w.remove(w.of("/key.txt")[0]) }, nil, []string{"key-file-missing"}, 0, nil},
		"the text of a hold": {func(w *world) { w.remove(w.of("holds/account=549825/")[0]) }, []string{"hold-text"}, nil, 1, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, vbctest.Config{}).inS3(nil)
			all := history(w)
			w.want(w.archive("--older-than", "90d", "--delete", "--max-deletes", "1"), 0, map[string]int{"deleted": 1})
			c.remove(w)
			w.remarked(c.wrong, c.remarks)
			w.want(w.archive("--older-than", "90d", "--delete"), c.exit, map[string]int{"deleted": 1})
			w.remarked(c.after, nil)
			w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 0})
			w.nothingLost(all)
		})
	}
}

// The log of a manifest that was lost, and that the archive was rebuilt without, can't
// become shorter from then on, wherever it is cut.
func TestRemovedOfAnotherLog(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		nth   int // of its files, from the end
		wrong []string
	}{
		"its end": {1, []string{"no-receipt", "other-log-shorter"}}, "its middle": {2, []string{"no-receipt", "other-log-shorter", "removed"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, vbctest.Config{}).inS3(nil)
			all := history(w)
			w.want(w.archive("--older-than", "90d", "--delete", "--max-deletes", "1"), 0, map[string]int{"deleted": 1})
			old := w.receipts()
			w.loseAll()
			if r := w.run("rebuild", "--from", w.to); len(old) != 2 {
				t.Fatalf("exit %d, %q", r.code, old)
			}
			w.archive("--older-than", "90d", "--delete", "--max-deletes", "0")
			w.audited(nil)
			w.remove(old[len(old)-c.nth])
			w.audited(c.wrong)
			w.archive("--older-than", "90d", "--delete", "--max-deletes", "0")
			w.audited(c.wrong)
			w.nothingLost(all)
		})
	}
}
