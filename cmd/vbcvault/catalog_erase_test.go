package main_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/storagetest"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// callerIn counts the rows with a caller in any version of the catalogue.
func (w *world) callerIn(t *testing.T, caller string) (n int) {
	for _, b := range w.versionsOf(t) {
		for _, row := range catalogRows(t, b) {
			if row.CallerID != nil && strings.Contains(*row.CallerID, caller) {
				n++
			}
		}
	}
	return n
}

// What is erased is in no version of the catalogue any more, save its id, its
// size and its digest. The other recordings are still in it.
func TestEraseFromTheCatalog(t *testing.T) {
	t.Parallel()
	for name, place := range erasable {
		t.Run(name, func(t *testing.T) {
			w := place(newWorld(t, vbctest.Config{}))
			start := time.Date(2025, 5, 12, 10, 15, 0, 0, time.UTC)
			for i, caller := range []string{"17325550100", "17325550199"} {
				w.account.Add(vbctest.Recording{ID: int64(i + 1), Start: start, Size: 20000, Extra: map[string]any{"caller_id": caller, "cnam": "JANE ROE", "file_name": caller + ".mp3"}})
			}
			all := w.account.Recordings()
			w.want(w.archive(nightly...), 0, nil)
			w.want(w.archive(append(nightly, "--delete")...), 0, map[string]int{"deleted": 2}) // a second version
			if n := w.callerIn(t, "17325550100"); n == 0 || name == "versions" && n < 2 {
				t.Fatalf("the catalogue has the caller %d times in the first place", n)
			}
			if r := w.erase("--id", "1"); r.code != 0 || name == "versions" && !strings.Contains(r.stdout, "objects and versions removed: 4") {
				t.Fatal("not erased")
			}
			if n := w.callerIn(t, "17325550100"); n != 0 {
				t.Errorf("%d rows still have the caller", n)
			}
			row := w.catalogued()[1]
			if row.State != "erased" || row.CNAM != nil || row.FileName != nil || row.Key != nil || row.Bytes == nil || *row.Bytes != 20000 || row.SHA256 == nil || *row.SHA256 != storage.Digest(all[0].SHA256()).String() {
				t.Errorf("left of it: %+v", row)
			}
			if row := w.catalogued()[2]; row.State != "purged" || row.CallerID == nil || *row.CallerID != "17325550199" {
				t.Errorf("the other one: %+v", row)
			}
			if name == "versions" && len(w.versionsOf(t)) != 1 {
				t.Errorf("%d versions", len(w.versionsOf(t)))
			}
			w.want(w.archive(nightly...), 0, nil)
			if n := w.callerIn(t, "17325550100"); n != 0 {
				t.Errorf("%d rows have the caller again", n)
			}
			w.mustHold(all[1])
		})
	}
}

// An erasure that breaks off at any request is finished by saying it again, and
// a night between the two doesn't bring the caller back.
func TestEraseFromTheCatalogGoesOn(t *testing.T) {
	t.Parallel()
	notShort(t, "tries every request, as TestEraseGoesOn does")
	for fails := int64(1); fails < 16; fails++ {
		for _, applied := range []bool{false, true} {
			w, erasing, n := whereErasingFails(t, fails, applied)
			w.account.Add(vbctest.Recording{ID: 1, Start: time.Date(2025, 5, 12, 10, 15, 0, 0, time.UTC), Extra: map[string]any{"caller_id": "17325550100"}})
			other := w.in(5, 2)
			w.want(w.archive(append(nightly, "--delete")...), 0, map[string]int{"deleted": 2})
			erasing.Store(true)
			r := w.erase("--id", "1")
			erasing.Store(false)
			if r.code != 0 {
				if applied { // else the erasure alone has to mend the catalogue
					w.want(w.archive(nightly...), 0, nil)
				}
				r = w.erase("--id", "1")
			}
			if r.code != 0 && !strings.Contains(r.stderr, "is already erased") || len(w.of("_1.")) != 0 {
				t.Errorf("fault %d, applied %v: not finished", fails, applied)
			}
			if c := w.callerIn(t, "17325550100"); c != 0 {
				t.Errorf("fault %d, applied %v: %d rows have the caller", fails, applied, c)
			}
			if got := w.catalogued(); len(got) != 2 || got[1].State != "erased" || got[2].State != "purged" {
				t.Errorf("fault %d, applied %v: the catalogue has %v", fails, applied, got)
			}
			w.mustHold(other)
			if n.Load() < fails {
				return // all requests have had their turn
			}
		}
	}
	t.Error("there are more requests than were tried")
}

// A catalogue that is locked, as by the bucket's default, isn't erased, and then
// nothing is.
func TestEraseFromALockedCatalog(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inLockedS3(nil)
	r := w.in(5, 1)
	w.want(w.archive(append(nightly, "--delete")...), 0, map[string]int{"deleted": 1})
	until := time.Now().Add(24 * time.Hour)
	bucket := strings.Split(w.to, "/")[2]
	key := "calls/" + w.of("catalog.parquet")[0]
	_, err := storagetest.StartS3(t).Client().PutObjectRetention(t.Context(), &s3.PutObjectRetentionInput{Bucket: &bucket, Key: &key,
		ChecksumAlgorithm: types.ChecksumAlgorithmSha256, Retention: &types.ObjectLockRetention{Mode: types.ObjectLockRetentionModeGovernance, RetainUntilDate: &until}})
	if err != nil {
		t.Fatal(err)
	}
	before := storagetest.Keys(t, w.open())
	if r := w.erase("--id", strconv.FormatInt(r.ID, 10)); r.code != 3 || !strings.Contains(r.stderr, "is locked until") || !strings.Contains(r.stderr, "catalog.parquet") {
		t.Error("erased, or not said why")
	}
	if after := storagetest.Keys(t, w.open()); !slices.Equal(before, after) {
		t.Errorf("%v, and before it was %v", after, before)
	}
	w.want(w.run("audit", "--json"), 0, map[string]int{"erased": 0})
	w.mustHold(r)
}
