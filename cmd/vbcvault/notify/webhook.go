package notify

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
)

// body is what a webhook and a command get, in the form that the Standard Webhooks
// specification recommends.
type body struct {
	Type      string    `json:"type"` // vbcvault. and the kind
	Timestamp time.Time `json:"timestamp"`
	Data      Message   `json:"data"`
}

func bodyOf(m Message) ([]byte, error) {
	return json.Marshal(body{Type: "vbcvault." + string(m.Kind), Timestamp: m.At, Data: m})
}

// hook sends a message to a webhook.
func (t *Teller) hook(ctx context.Context, w *config.Webhook, m Message) error {
	var s secrets
	to, err := s.fetchURL(ctx, w.URL, m.Account)
	if err != nil {
		return err
	}
	secret, err := s.fetch(ctx, "secret", w.Secret)
	if err != nil {
		return err
	}
	var b []byte
	switch w.Template {
	case "":
		b, err = bodyOf(m)
	case "slack":
		b, err = slack(m)
	case "teams":
		b, err = teams(m)
	default:
		return &failure{text: "there is no template " + strconv.Quote(w.Template) + "; there are slack and teams", final: true}
	}
	if err != nil {
		return &failure{text: err.Error(), final: true}
	}
	header := http.Header{"Content-Type": {"application/json"}}
	if secret != "" {
		if err := sign(header, secret, m.ID, time.Now(), b); err != nil {
			return err
		}
	}
	return t.post(ctx, to, header, b, s)
}

// leastKey is the shortest key that the specification allows.
const leastKey = 24

// sign adds the headers of Standard Webhooks
// (github.com/standard-webhooks/standard-webhooks, spec): the receiver sees that the
// body is ours, and by the time that nobody sends it once more later.
func sign(header http.Header, secret, id string, now time.Time, body []byte) error {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(strings.TrimSpace(secret), "whsec_"))
	if err != nil || len(key) < leastKey {
		return &failure{text: "secret must be whsec_ and at least 24 bytes in base64, as openssl rand -base64 32 makes them", final: true}
	}
	at := strconv.FormatInt(now.Unix(), 10)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + at + "."))
	mac.Write(body)
	header["webhook-id"] = []string{id} // in lower case, as the specification has them
	header["webhook-timestamp"] = []string{at}
	header["webhook-signature"] = []string{"v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))}
	return nil
}
