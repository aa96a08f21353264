package evidence

import (
	"errors"
	"testing"

	"github.com/vbcvault/vbcvault/pipeline/moment"
)

// What was asked for too long ago is no evidence any more.
func TestEvidenceGoesStale(t *testing.T) {
	t.Parallel()
	var v Verified // asked at the beginning of time
	var stale *StaleError
	if err := v.Fresh(); !errors.As(err, &stale) {
		t.Errorf("the zero value: %v", err)
	}
	if v.asked = moment.Now(); v.Fresh() != nil {
		t.Errorf("%v", v.Fresh())
	}
}
