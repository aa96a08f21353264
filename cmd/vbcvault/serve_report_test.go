package main_test

import (
	"bytes"
	"database/sql"
	"encoding/base64"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

// mailbox is a mail server.
type mailbox struct {
	addr string
	mu   sync.Mutex
	all  []string
}

func (m *mailbox) NewSession(*smtp.Conn) (smtp.Session, error) { return inbox{m}, nil }

type inbox struct{ m *mailbox }

func (inbox) Reset()                               {}
func (inbox) Logout() error                        { return nil }
func (inbox) Mail(string, *smtp.MailOptions) error { return nil }
func (inbox) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (i inbox) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	i.m.mu.Lock()
	defer i.m.mu.Unlock()
	i.m.all = append(i.m.all, string(b))
	return err
}

func newMailbox(t *testing.T) *mailbox {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &mailbox{addr: l.Addr().String()}
	s := smtp.NewServer(m)
	s.Domain = "mail.example.com"
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = s.Serve(l) // until it is closed
	}()
	t.Cleanup(func() {
		l.Close()
		s.Close()
		<-ended
	})
	return m
}

// The service mails the report that is due, and tells others that there is one. Who
// can't be told is told later, and nobody twice.
func TestServeMailsTheReport(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 2, inDir, nil).write()
	f.run("archive", "--config", f.file, "a0", "--json")
	post, people := newMailbox(t), newHooks(t)
	people.answer = 500
	f.setenv("PEOPLE", people.URL)
	f.tells("mail: {email: {host: '"+post.addr+"', from: a@example.com, to: [b@example.com], tls: none}}", "people: {webhook: {url: {env: PEOPLE}}}")
	b, err := os.ReadFile(f.file)
	if err == nil {
		err = os.WriteFile(f.file, append(b, "report: {schedule: '0 0 1 * *', time-zone: Asia/Tokyo, notify: [mail, people]}\n"...), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	stop := f.serves()
	for !strings.Contains(f.run("jobs", "--config", f.file, "--json").stdout, `"kind":"report"`) {
		if t.Context().Err() != nil {
			t.Fatal("it is never scheduled")
		}
	}
	stop(syscall.SIGTERM)
	db, err := sql.Open("sqlite", filepath.Join(f.state, "service.db"))
	if err == nil { // as if the service had not run for a month
		_, err = db.Exec("UPDATE schedule SET memory = json_set(memory, '$.until', ?), next = 1 WHERE kind = 'report'",
			time.Now().UTC().AddDate(0, -1, -2).Format(time.RFC3339))
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	stop = f.serves()
	<-people.arrived
	people.mu.Lock()
	people.answer = 200
	people.mu.Unlock()
	<-people.arrived
	stop(syscall.SIGTERM)
	_, bodies := people.said()
	tokyo := time.Now().In(time.FixedZone("", 9*3600))
	month := time.Date(tokyo.Year(), tokyo.Month()-1, 1, 0, 0, 0, 0, time.UTC).Format("2006-01")
	if len(bodies) != 2 || bodies[0] != bodies[1] || !strings.Contains(bodies[0], `"type":"vbcvault.report"`) ||
		!strings.Contains(bodies[0], "report for "+month) || !strings.Contains(bodies[0], "a0: ") {
		t.Errorf("told %q", bodies)
	}
	post.mu.Lock()
	defer post.mu.Unlock()
	if len(post.all) != 1 {
		t.Fatalf("%d mails", len(post.all))
	}
	_, coded, _ := strings.Cut(post.all[0], "vbcvault-"+month+".html")
	_, coded, _ = strings.Cut(coded, "\r\n\r\n")
	coded, _, _ = strings.Cut(coded, "\r\n--")
	page, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(coded, "\r\n", ""))
	if err != nil || !bytes.Contains(page, []byte("<!DOCTYPE html>")) || !bytes.Contains(page, []byte("VBC account 600000")) || !bytes.Contains(page, []byte("</html>")) {
		t.Errorf("%v: %.2000s", err, post.all[0])
	}
}
