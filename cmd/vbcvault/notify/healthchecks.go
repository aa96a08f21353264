package notify

import (
	"context"
	"net/http"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
)

// ping tells healthchecks.io, or a server like it (healthchecks.io/docs/http_api), of a
// run: end is start, an exit code or log; rid is the same at its begin and its end.
func (t *Teller) ping(ctx context.Context, h *config.Healthchecks, account, rid, end, text string) error {
	var s secrets
	to, err := s.fetchURL(ctx, h.URL, account)
	if err != nil {
		return err
	}
	to = to.JoinPath(end)
	q := to.Query() // it may have ?create=1
	q.Set("rid", rid)
	to.RawQuery = q.Encode()
	return t.post(ctx, to, http.Header{"Content-Type": {"text/plain; charset=utf-8"}}, []byte(text), s)
}
