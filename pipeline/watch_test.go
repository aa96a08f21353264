package pipeline

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// watchDelete holds invariants 1 to 4 against a DELETE that has just arrived.
func (l *lab) watchDelete(r *http.Request) {
	for _, rec := range l.account.Recordings() {
		if !strings.HasSuffix(r.URL.Path, fmt.Sprintf("/company_call_recordings/%d", rec.ID)) {
			continue
		}
		if !rec.Start.Before(l.cutoff) {
			l.t.Errorf("a DELETE for %d, which is not before the cutoff", rec.ID)
		}
		if !l.holds(rec) {
			l.t.Errorf("a DELETE for %d, of which the store has no whole copy", rec.ID)
		}
		if !l.intended(rec) {
			l.t.Errorf("a DELETE for %d without an intent on disk", rec.ID)
		}
	}
}

// intended looks into the file, as another process would.
func (l *lab) intended(rec vbctest.Recording) bool {
	m, err := sqlite.OpenReadOnly(context.Background(), l.path)
	if err != nil {
		l.t.Errorf("%v", err)
		return false
	}
	defer m.Close()
	found := false
	var c receipt.Chain
	for line, err := range m.Receipts(context.Background(), 0) {
		e, broken := c.Next(line)
		if err != nil || broken != nil {
			l.t.Errorf("%v, %v", err, broken)
			return false
		}
		found = found || e.Type == receipt.Intent && e.ID == rec.ID && e.Audio.SHA256 == sumOf(rec)
	}
	return found
}

// sums has the digests of audio that a lab has asked for, by what that depends on.
var sums sync.Map

// sumOf is the digest of a recording's audio, as VBC sends it. It is computed once:
// labs ask for it whenever they look at an object.
func sumOf(rec vbctest.Recording) storage.Digest {
	type content struct {
		kind           vbctest.Kind
		user, id, size int64
	}
	key := content{rec.Kind, rec.User, rec.ID, rec.Size}
	if known, ok := sums.Load(key); ok {
		return known.(storage.Digest)
	}
	sum := storage.Digest(rec.SHA256())
	sums.Store(key, sum)
	return sum
}
