package notify

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/outcome"
)

// got is a request that has arrived.
type got struct {
	path, rid string
	header    http.Header
	body      []byte
}

// receiver is a real server, which answers as it is told.
type receiver struct {
	*httptest.Server
	mu  sync.Mutex
	got []got
}

func receive(t *testing.T, answer http.HandlerFunc) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		b, err := io.ReadAll(req.Body)
		if err != nil {
			t.Error(err)
		}
		r.mu.Lock()
		r.got = append(r.got, got{req.URL.Path, req.URL.Query().Get("rid"), req.Header, b})
		r.mu.Unlock()
		answer(w, req)
	}))
	t.Cleanup(func() {
		r.CloseClientConnections()
		r.Close()
	})
	return r
}

func (r *receiver) all() []got {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

func fine(http.ResponseWriter, *http.Request) {}

func webhook(t *testing.T, url, secret, template string) config.Notifier {
	w := &config.Webhook{URL: secretOf(t, url), Template: template}
	if secret != "" {
		w.Secret = secretOf(t, secret)
	}
	return config.Notifier{Name: "hook", On: []string{"always"}, Webhook: w}
}

// verifies is what a receiver does, by the text of the Standard Webhooks specification.
func verifies(key []byte, g got, now time.Time) error {
	id, at := g.header.Get("webhook-id"), g.header.Get("webhook-timestamp")
	sent, err := strconv.ParseInt(at, 10, 64)
	if err != nil || now.Sub(time.Unix(sent, 0)).Abs() > 5*time.Minute {
		return fmt.Errorf("sent at %q", at)
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.%s", id, at, g.body)
	for _, one := range strings.Fields(g.header.Get("webhook-signature")) {
		version, text, _ := strings.Cut(one, ",")
		if sum, err := base64.StdEncoding.DecodeString(text); version == "v1" && err == nil && hmac.Equal(sum, mac.Sum(nil)) {
			return nil
		}
	}
	return errors.New("the signature is wrong")
}

// A webhook gets the message, signed; who has another secret sees that it isn't his.
func TestWebhookIsSigned(t *testing.T) {
	t.Parallel()
	key := []byte("0123456789abcdef0123456789abcdef")
	r := receive(t, fine)
	tell, _ := teller(t, webhook(t, r.URL+"/in", "whsec_"+base64.StdEncoding.EncodeToString(key), ""))
	o := bad(0, "size")
	if res := tell.Tell(t.Context(), o); len(res) != 1 || res[0].Err != nil {
		t.Fatalf("%+v", res)
	}
	g := r.all()[0]
	if err := verifies(key, g, time.Now()); err != nil {
		t.Error(err)
	}
	if verifies([]byte("another"), g, time.Now()) == nil || verifies(key, g, time.Now().Add(time.Hour)) == nil {
		t.Error("another key, or an old message, passes")
	}
	changed := g
	changed.body = append(slices.Clone(g.body), ' ')
	if verifies(key, changed, time.Now()) == nil {
		t.Error("a changed message passes")
	}
	var b struct {
		Type string
		Data struct {
			ID, Kind, Account, Title string
			Outcome                  outcome.Outcome
		}
	}
	if err := json.Unmarshal(g.body, &b); err != nil {
		t.Fatal(err)
	}
	if b.Type != "vbcvault.failure" || b.Data.Kind != "failure" || b.Data.Account != "acme" || b.Data.ID != g.header.Get("webhook-id") || !strings.Contains(b.Data.ID, o.Outcome.Run) ||
		b.Data.Outcome.ExitCode != 1 || b.Data.Outcome.Archived != 12 {
		t.Errorf("%s", g.body)
	}
}

// The signature is that of the manual's example, which openssl confirms.
func TestSignatureOfTheManual(t *testing.T) {
	t.Parallel()
	header := http.Header{}
	err := sign(header, "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", "msg_8d5f4e0a-4f1e-4b57-9f0c-2a8a3c1d7e66", time.Unix(1795746017, 0), []byte(`{"type":"vbcvault.test"}`))
	const want = "v1,ZXlm+/schAi5kBa3W7ZNEUPccbCBloN/kMw1vjqXUFg="
	page, readErr := os.ReadFile("../topics/notify.md")
	got := header["webhook-signature"] //nolint:staticcheck // as it is sent, in lower case
	if err != nil || readErr != nil || !slices.Equal(got, []string{want}) || !strings.Contains(string(page), "signature="+want) {
		t.Errorf("%q, %v, %v", got, err, readErr)
	}
}

// What a hook answers is told apart from success, and ends; nothing of it gets out that
// is a secret.
func TestWebhookAnswers(t *testing.T) {
	t.Parallel()
	const token = "T0K3N-of-the-hook"
	elsewhere := receive(t, fine)
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		tries  int
		want   string // "" = delivered
	}{
		"accepted": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(202) }, 1, ""},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		}, 1, "HTTP 307"},
		"gone": {func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(410)
			fmt.Fprint(w, r.URL)
		}, 1, "HTTP 410"},
		"refused":        {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(403) }, 1, "HTTP 403"},
		"always 500":     {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, 4, "HTTP 500"},
		"cut off":        {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 4, "EOF"},
		"no content":     {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, 1, ""},
		"a header flood": {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", 1<<20)) }, 4, "exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := receive(t, c.answer)
			tell, log := teller(t, webhook(t, r.URL+"/services/"+token, "", ""))
			res := tell.Tell(t.Context(), well(0))
			switch err := res[0].Err; {
			case (err == nil) != (c.want == ""), err != nil && !strings.Contains(err.Error(), c.want):
				t.Errorf("%v, want %q", err, c.want)
			case err != nil && !strings.Contains(log.String(), "level=WARN"):
				t.Error("no warning")
			}
			if n := len(r.all()); n != c.tries {
				t.Errorf("%d tries, want %d", n, c.tries)
			}
			if strings.Contains(log.String(), token) {
				t.Errorf("the log has the address: %s", log)
			}
		})
	}
	if n := len(elsewhere.all()); n > 0 {
		t.Error("a redirect was followed")
	}
}

// Who answers 500 and then 200 has the message, and it is the same one each time.
func TestWebhookIsTriedAgain(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	r := receive(t, func(w http.ResponseWriter, _ *http.Request) {
		if n.Add(1) < 3 {
			w.WriteHeader(500)
		}
	})
	tell, log := teller(t, webhook(t, r.URL, "", ""))
	if res := tell.Tell(t.Context(), well(0)); res[0].Err != nil {
		t.Fatal(res[0].Err)
	}
	all := r.all()
	if len(all) != 3 || string(all[0].body) != string(all[2].body) || strings.Contains(log.String(), "WARN") {
		t.Errorf("%d tries\n%s", len(all), log)
	}
}

// A hook that sends without end, or nothing at all, holds nobody up.
func TestWebhookWithoutEnd(t *testing.T) {
	t.Parallel()
	flood := receive(t, func(w http.ResponseWriter, _ *http.Request) {
		for block := make([]byte, 1<<20); ; {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	})
	tell, _ := teller(t, webhook(t, flood.URL, "", ""))
	if res := tell.Tell(t.Context(), well(0)); res[0].Err != nil {
		t.Error(res[0].Err)
	}
	arrived := make(chan struct{}, 9)
	hangs := receive(t, func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-r.Context().Done()
	})
	tell, _ = teller(t, webhook(t, hangs.URL+"/0123456789abcdef", "", ""))
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel() // as the time limit does
	}()
	if res := tell.Tell(ctx, well(0)); res[0].Err == nil || strings.Contains(res[0].Err.Error(), "0123456789abcdef") {
		t.Error(res[0].Err)
	}
}

// An address that could be read on the way, or none at all, is refused, and not shown.
func TestAddressesAreRefused(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"http://hooks.example.com/T0K3N": "plain http", "ftp://127.0.0.1/T0K3N": "https://", "T0K3N": "https://", "https://": "https://", "http://127.0.0.1:x\x7f/T0K3N": "https://",
	} {
		tell, log := teller(t, webhook(t, url, "", ""))
		res := tell.Tell(t.Context(), well(0))
		if res[0].Err == nil || !Final(res[0].Err) || !strings.Contains(res[0].Err.Error(), want) || strings.Contains(log.String(), "T0K3N") {
			t.Errorf("%q: %v\n%s", url, res[0].Err, log)
		}
	}
	r := receive(t, fine)
	for _, short := range []string{"hunter2", "whsec_aGVsbG8="} {
		tell, log := teller(t, webhook(t, r.URL, short, ""))
		if res := tell.Tell(t.Context(), well(0)); res[0].Err == nil || len(r.all()) > 0 || strings.Contains(log.String(), short) {
			t.Errorf("%q: %v", short, res[0].Err)
		}
	}
}

// Slack and Teams get what they show, and nothing in it is a mark of theirs.
func TestTemplates(t *testing.T) {
	t.Parallel()
	r := receive(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(202) })
	o := bad(0, "size")
	o.Outcome.Account = "a<!channel>*b*"
	for _, template := range []string{"slack", "teams"} {
		tell, _ := teller(t, webhook(t, r.URL, "", template))
		if res := tell.Tell(t.Context(), o); res[0].Err != nil {
			t.Fatal(res[0].Err)
		}
	}
	type block struct {
		Type     string
		Text     struct{ Type, Text string }
		Elements []struct{ Type string }
	}
	var slack struct {
		Text   string
		Blocks []block
	}
	var teams struct {
		Type        string
		Attachments []struct {
			ContentType string
			Content     struct {
				Type, Version string
				Body          []struct {
					Type    string
					Inlines []struct{ Type, Text string }
				}
			}
		}
	}
	all := r.all()
	if err := errors.Join(json.Unmarshal(all[0].body, &slack), json.Unmarshal(all[1].body, &teams)); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(slack.Text, "a&lt;!channel&gt;") || slack.Blocks[0].Type != "header" || len(slack.Blocks) < 5 {
		t.Errorf("%s", all[0].body)
	}
	for _, b := range slack.Blocks {
		if b.Type != "rich_text" && (b.Text.Type != "plain_text" || b.Text.Text == "") {
			t.Errorf("%+v", b)
		}
	}
	if teams.Type != "message" || len(teams.Attachments) != 1 || teams.Attachments[0].ContentType != "application/vnd.microsoft.card.adaptive" {
		t.Fatalf("%s", all[1].body)
	}
	card := teams.Attachments[0].Content
	if card.Type != "AdaptiveCard" || card.Version == "" || !strings.Contains(card.Body[0].Inlines[0].Text, "a<!channel>*b*: failed") {
		t.Errorf("%s", all[1].body)
	}
	for _, b := range card.Body {
		if b.Type != "RichTextBlock" || len(b.Inlines) != 1 || b.Inlines[0].Type != "TextRun" {
			t.Errorf("%+v", b)
		}
	}
}

// Whoever couldn't be told is told the next time, and whoever was is not.
func TestWhatWasNotDelivered(t *testing.T) {
	t.Parallel()
	var down atomic.Bool
	r := receive(t, func(w http.ResponseWriter, _ *http.Request) {
		if down.Load() {
			w.WriteHeader(503)
		}
	})
	hook := webhook(t, r.URL, "", "")
	hook.On = []string{"failure", "recovery"}
	other, told := to(t, "other", "failure", "recovery")
	tell, _ := teller(t, hook, other)
	down.Store(true)
	first := bad(0, "size")
	if err := tell.TellOnce(t.Context(), first); err == nil || !strings.Contains(err.Error(), "hook") || strings.Contains(err.Error(), "other") {
		t.Error(err)
	}
	if err := tell.TellOnce(t.Context(), first); err == nil {
		t.Error("it wasn't told, and passes for it")
	}
	down.Store(false)
	before := len(r.all())
	for range 2 {
		if err := tell.TellOnce(t.Context(), first); err != nil {
			t.Error(err)
		}
	}
	if n := len(r.all()) - before; n != 1 || len(told()) != 1 {
		t.Errorf("hook %d times, the other %d", n, len(told()))
	}
	// A letter that has been overtaken is of no use.
	letters, err := tell.Plan(well(1))
	if err != nil || len(letters) != 2 {
		t.Fatalf("%d letters, %v", len(letters), err)
	}
	tell.Tell(t.Context(), bad(2, "cold"))
	before = len(r.all())
	kept, err := json.Marshal(letters[0])
	if err != nil {
		t.Fatal(err)
	}
	var later Letter
	if err := json.Unmarshal(kept, &later); err != nil {
		t.Fatal(err)
	}
	if err := tell.Send(t.Context(), later); err != nil || len(r.all()) != before {
		t.Errorf("%v; it was sent all the same", err)
	}
}
