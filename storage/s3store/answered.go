package s3store

import (
	"io"
	"net/http"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// answered is what came of a request that was sent directly. Where that isn't plain
// success, the SDK makes the same request, and is given it in place of the answer to
// its first attempt. All methods may be called on nil: nothing was sent.
type answered struct {
	method string
	resp   *http.Response
	err    error

	given bool          // to the SDK
	next  s3.HTTPClient // for its further attempts
}

// header is that of a plain success, else nil. Amazon's S3 may say 200 and then
// have an error in the body, so what has a body isn't plain.
func (a *answered) header() http.Header {
	if a == nil || a.err != nil || a.resp.StatusCode != http.StatusOK || a.method != http.MethodHead && a.resp.ContentLength != 0 {
		return nil
	}
	return a.resp.Header
}

// first is an option of the SDK's call.
func (a *answered) first(o *s3.Options) {
	if a != nil {
		a.next, o.HTTPClient = o.HTTPClient, a
	}
}

// Do implements s3.HTTPClient. The SDK calls it for one attempt after the other.
func (a *answered) Do(r *http.Request) (*http.Response, error) {
	if a.given {
		return a.next.Do(r)
	}
	a.given = true
	if a.resp != nil {
		a.resp.Request = r
	}
	return a.resp, a.err
}

// close lets the connection go, if nobody else has.
func (a *answered) close() {
	if a != nil && !a.given && a.resp != nil {
		_ = a.resp.Body.Close()
	}
}

// lent is a body that is only lent: nothing of it is read any more once it is closed. A
// connection would go on for a while when the answer comes early.
type lent struct {
	mu   sync.Mutex
	left []byte
}

func (l *lent) Read(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.left) == 0 {
		return 0, io.EOF
	}
	n := copy(b, l.left)
	l.left = l.left[n:]
	return n, nil
}

func (l *lent) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.left = nil
	return nil
}
