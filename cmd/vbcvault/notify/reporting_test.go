package notify

import (
	"bytes"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"testing"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
)

// A report goes to each notifier once, also where it has to be tried again for another;
// the next month's goes to all.
func TestReportIsSentOnce(t *testing.T) {
	t.Parallel()
	s := serveMail(t, "starttls")
	hook, hooked := to(t, "hook")
	broken := config.Notifier{Name: "broken", Command: []string{"/bin/sh", "-c", "exit 1"}}
	tell, _ := mailer(t, s, func(*config.Email) {})
	tell.notifiers = append(tell.notifiers, hook, broken)
	text := "All is well: 60\n\n"
	for i := range 60 {
		text += fmt.Sprintf("acme-%d\n", i)
	}
	r := Monthly{Due: night, Title: "report for 2026-10", Text: text, Command: "vbcvault report --out report.html",
		Page: File{Name: "vbcvault-2026-10.html", Type: "text/html", Body: []byte("<p>the page</p>")}}
	all := []string{"mail", "hook", "broken", "removed"}
	for range 2 {
		if err := tell.SendReport(t.Context(), all, r); err == nil || !strings.Contains(err.Error(), "broken") || strings.Contains(err.Error(), "removed") {
			t.Errorf("%v", err)
		}
	}
	if err := tell.SendReport(t.Context(), all[:2], r); err != nil {
		t.Error(err)
	}
	got := hooked()
	if len(got) != 1 || got[0].Kind != Report || len(got[0].Points) != mostLines+1 || got[0].Points[1].Text != "acme-0" || !slices.Equal(got[0].Commands, []string{r.Command}) {
		t.Errorf("%+v", got)
	}
	r.Due = night.AddDate(0, 1, 0)
	if err := tell.SendReport(t.Context(), all[:2], r); err != nil || len(hooked()) != 2 {
		t.Errorf("%v, %+v", err, hooked())
	}
	r.Service = "another one"
	if err := tell.SendReport(t.Context(), all[:1], r); err != nil {
		t.Error(err)
	}
	mails, ids := s.all(), map[string]bool{}
	for _, got := range mails {
		m, err := mail.ReadMessage(bytes.NewReader(got.text))
		if err != nil {
			t.Fatal(err)
		}
		ids[m.Header.Get("Message-ID")] = true
	}
	if len(mails) != 3 || len(ids) != 3 { // a server drops a mail whose id it has
		t.Fatalf("%d mails with %d ids", len(mails), len(ids))
	}
	m, err := mail.ReadMessage(bytes.NewReader(mails[0].text))
	if err != nil {
		t.Fatal(err)
	}
	if h := m.Header.Get("Subject"); !strings.Contains(h, "report for 2026-10") {
		t.Error(h)
	}
	if !bytes.Contains(mails[0].text, []byte(`filename="vbcvault-2026-10.html"`)) {
		t.Errorf("no page in\n%s", mails[0].text)
	}
}
