package s3store_test

import (
	"bytes"
	"testing"
	"testing/iotest"

	"github.com/vbcvault/vbcvault/storage"
)

// A reader may bring its last byte together with the end, also where that byte
// is the first one of another part.
func TestLastByteWithTheEnd(t *testing.T) {
	t.Parallel()
	s, _, bucket := open(t, nil)
	for _, size := range []int{0, 1, 5<<20 - 1, 5 << 20, 5<<20 + 1, 10<<20 + 1} {
		body := bytes.Repeat([]byte("x"), size)
		key := "k/" + string(rune('a'+size%26)) + ".bin"
		o, err := s.Put(t.Context(), key, storage.Body{Reader: iotest.DataErrReader(bytes.NewReader(body))}, storage.Attrs{})
		if err != nil || o.Size != int64(size) {
			t.Errorf("%d bytes: %d, %v", size, o.Size, err)
		}
		if has, err := s.Stat(t.Context(), o); err != nil || has.SHA256 != storage.SumOf(body) {
			t.Errorf("%d bytes: the store holds %d, %v (bucket %s)", size, has.Size, err, bucket)
		}
	}
}
