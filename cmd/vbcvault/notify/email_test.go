package notify

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"math/big"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
)

// arrived is a mail as a server has taken it.
type arrived struct {
	from string
	to   []string
	user string
	tls  bool
	text []byte
}

// mailServer is a real SMTP server.
type mailServer struct {
	addr     string
	roots    *x509.CertPool
	password string
	refuse   error // for each mail; nil = it is taken

	mu  sync.Mutex
	got []arrived
}

type session struct {
	s    *mailServer
	conn *smtp.Conn
	m    arrived
}

func (s *mailServer) NewSession(c *smtp.Conn) (smtp.Session, error) {
	return &session{s: s, conn: c}, nil
}
func (*session) AuthMechanisms() []string { return []string{sasl.Plain} }
func (*session) Reset()                   {}
func (*session) Logout() error            { return nil }

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if password != s.s.password {
			return &smtp.SMTPError{Code: 535, Message: "no user " + user + " with " + password + ": AUTH PLAIN " + plainLogin} // some repeat what they got
		}
		s.m.user = user
		return nil
	}), nil
}

// plainLogin is how the password is sent.
var plainLogin = base64.StdEncoding.EncodeToString([]byte("\x00archiver\x00mail password"))

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.m.from = from
	return s.s.refuse
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.m.to = append(s.m.to, to)
	return nil
}

func (s *session) Data(r io.Reader) (err error) {
	s.m.text, err = io.ReadAll(r)
	_, s.m.tls = s.conn.TLSConnectionState()
	s.s.mu.Lock()
	defer s.s.mu.Unlock()
	s.s.got = append(s.s.got, s.m)
	return err
}

func (s *mailServer) all() []arrived {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.got)
}

// serveMail starts a server that speaks TLS as said: starttls, tls or none.
func serveMail(t *testing.T, how string) *mailServer {
	t.Helper()
	s := &mailServer{password: "mail password"}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, key.Public(), key)
	if err == nil {
		cert, err = x509.ParseCertificate(der)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.roots = x509.NewCertPool()
	s.roots.AddCert(cert)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = l.Addr().String()
	server := smtp.NewServer(s)
	server.Domain = "mail.example.com"
	server.ErrorLog = silent{}
	secure := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}
	switch how {
	case "starttls":
		server.TLSConfig = secure
	case "tls":
		l = tls.NewListener(l, secure)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := server.Serve(l); err != nil && !errors.Is(err, smtp.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	}()
	t.Cleanup(func() {
		server.Close()
		l.Close() // the server, if it has not yet begun with it, would serve it for ever
		<-ended
	})
	return s
}

type silent struct{}

func (silent) Printf(string, ...any) {}
func (silent) Println(...any)        {}

// mailer tells through a server.
func mailer(t *testing.T, s *mailServer, change func(*config.Email)) (*Teller, *bytes.Buffer) {
	t.Helper()
	e := &config.Email{Host: s.addr, From: "vbcvault <archive@example.com>", To: []string{"ops@example.com", "Boss <boss@example.com>"}, Username: "archiver", Password: secretOf(t, "mail password")}
	change(e)
	tell, log := teller(t, config.Notifier{Name: "mail", On: []string{"always"}, Email: e})
	tell.roots = s.roots
	return tell, log
}

// parts are a mail's texts, by content type.
func parts(t *testing.T, m *mail.Message) map[string]string {
	t.Helper()
	texts := map[string]string{}
	var read func(contentType, encoding string, r io.Reader)
	read = func(contentType, encoding string, r io.Reader) {
		kind, params, err := mime.ParseMediaType(contentType)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(kind, "multipart/") {
			for p := multipart.NewReader(r, params["boundary"]); ; {
				part, err := p.NextPart() // decodes quoted-printable itself
				if errors.Is(err, io.EOF) {
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				read(part.Header.Get("Content-Type"), part.Header.Get("Content-Transfer-Encoding"), part)
			}
		}
		if encoding == "quoted-printable" {
			r = quotedprintable.NewReader(r)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		texts[kind] = string(b)
	}
	read(m.Header.Get("Content-Type"), m.Header.Get("Content-Transfer-Encoding"), m.Body)
	return texts
}

// A mail is received by a real server, over TLS, with a login, and says what the
// message says, in plain text and in HTML.
func TestMailIsReceived(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"starttls", "tls"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			s := serveMail(t, how)
			tell, _ := mailer(t, s, func(e *config.Email) { e.TLS = how })
			o := bad(0, "size", "equal-audio")
			o.Outcome.Account = "Büro <b>&Söhne</b>"
			if res := tell.Tell(t.Context(), o); res[0].Err != nil {
				t.Fatal(res[0].Err)
			}
			got := s.all()[0]
			if got.from != "archive@example.com" || !slices.Equal(got.to, []string{"ops@example.com", "boss@example.com"}) || got.user != "archiver" || how == "starttls" && !got.tls {
				t.Errorf("from %s to %s, user %q, TLS %v", got.from, got.to, got.user, got.tls)
			}
			m, err := mail.ReadMessage(bytes.NewReader(got.text))
			if err != nil {
				t.Fatal(err)
			}
			subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
			if want := "vbcvault: Büro <b>&Söhne</b>: failed: 2 recordings could not be archived or deleted"; err != nil || subject != want {
				t.Errorf("subject %q, %v; want %q", subject, err, want)
			}
			if id := m.Header.Get("Message-ID"); id != "<msg_"+o.Outcome.Run+"@example.com>" {
				t.Errorf("Message-ID %s", id)
			}
			if at, err := m.Header.Date(); err != nil || !at.Equal(o.Outcome.Ended) {
				t.Errorf("date %v, %v", at, err)
			}
			if m.Header.Get("Auto-Submitted") != "auto-generated" {
				t.Error("robots may answer it")
			}
			texts := parts(t, m)
			for kind, words := range map[string][]string{
				"text/plain": {"Büro <b>", "[size]", "--accept-size-mismatch", "archived: 12", "vbcvault status --manifest", "vbcvault/549825/0123 77 "},
				"text/html":  {"Büro &lt;b&gt;", "[size]", "--accept-size-mismatch", "<td>", "vbcvault status --manifest", "vbcvault/549825/0123 77 "},
			} {
				for _, w := range words {
					if w != "<td>" && !strings.Contains(texts[kind], w) {
						t.Errorf("%s: no %q in\n%s", kind, w, texts[kind])
					}
				}
			}
		})
	}
}

// The same letter is the same mail, and a report goes with one.
func TestMailTwiceAndAttached(t *testing.T) {
	t.Parallel()
	s := serveMail(t, "starttls")
	tell, _ := mailer(t, s, func(*config.Email) {})
	l := Letter{Notifier: "mail", Message: Message{ID: "msg_1", Kind: Report, At: night, Title: "the report of October"},
		Attached: &File{Name: "report.html", Type: "text/csv", Body: []byte("a;b\n")}}
	for range 2 {
		if err := tell.Send(t.Context(), l); err != nil {
			t.Fatal(err)
		}
	}
	var ids []string
	for _, got := range s.all() {
		m, err := mail.ReadMessage(bytes.NewReader(got.text))
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, m.Header.Get("Message-ID"))
		if texts := parts(t, m); strings.TrimSpace(texts["text/csv"]) != "YTtiCg==" || !strings.Contains(texts["text/plain"], "October") {
			t.Errorf("%q", texts)
		}
	}
	if len(ids) != 2 || ids[0] != ids[1] {
		t.Errorf("ids %q", ids)
	}
}

// A server that offers no TLS, shows a certificate of nobody, or refuses, gets no mail
// and no password; what is said of it has none either.
func TestMailIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		how    string
		change func(*config.Email)
		server func(*mailServer)
		want   string
		final  bool
	}{
		"no STARTTLS":         {"none", func(*config.Email) {}, func(*mailServer) {}, "STARTTLS", false},
		"unknown certificate": {"starttls", func(*config.Email) {}, func(s *mailServer) { s.roots = x509.NewCertPool() }, "certificate", false},
		"unknown, with TLS":   {"tls", func(e *config.Email) { e.TLS = "tls" }, func(s *mailServer) { s.roots = x509.NewCertPool() }, "certificate", false},
		"wrong password":      {"starttls", func(*config.Email) {}, func(s *mailServer) { s.password = "another" }, "535", true},
		"refused for now":     {"starttls", func(*config.Email) {}, func(s *mailServer) { s.refuse = &smtp.SMTPError{Code: 451, Message: "greylisted"} }, "451", false},
		"refused for good":    {"starttls", func(*config.Email) {}, func(s *mailServer) { s.refuse = &smtp.SMTPError{Code: 550, Message: "no mail password here"} }, "550", true},
		"no TLS elsewhere":    {"none", func(e *config.Email) { e.Host, e.TLS = "192.0.2.1:25", "none" }, func(*mailServer) {}, "only to this machine", true},
		"no address":          {"none", func(e *config.Email) { e.To = []string{"a@b\r\nBcc: eve@example.com"} }, func(*mailServer) {}, "no mail address", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serveMail(t, c.how)
			c.server(s)
			tell, log := mailer(t, s, c.change)
			err := tell.Tell(t.Context(), well(0))[0].Err
			if err == nil || !strings.Contains(err.Error(), c.want) || Final(err) != c.final {
				t.Errorf("%v, final %v", err, Final(err))
			}
			if strings.Contains(log.String(), "mail password") || strings.Contains(log.String(), plainLogin) || len(s.all()) > 0 {
				t.Errorf("%d mails\n%s", len(s.all()), log)
			}
		})
	}
}

// To this machine a mail may go without TLS, and then without a password.
func TestMailWithoutTLS(t *testing.T) {
	t.Parallel()
	s := serveMail(t, "none")
	tell, _ := mailer(t, s, func(e *config.Email) { e.TLS, e.Username, e.Password = "none", "", config.Secret{} })
	if err := tell.Tell(t.Context(), well(0))[0].Err; err != nil || len(s.all()) != 1 {
		t.Error(err)
	}
}

// A server that says nothing is given up when the time is over.
func TestMailServerHangs(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		conn, err := l.Accept()
		if err == nil {
			defer conn.Close()
		}
		cancel() // as the time limit does
		<-t.Context().Done()
	}()
	tell, _ := mailer(t, &mailServer{addr: l.Addr().String()}, func(*config.Email) {})
	if err := tell.Send(ctx, Letter{Notifier: "mail", Message: Message{ID: "msg_1", At: night, Title: "x"}}); err == nil || !strings.Contains(err.Error(), "in time") {
		t.Error(err)
	}
}

// Whatever an account is called, a mail has the headers that it has, and one body.
func FuzzMailHeaders(f *testing.F) {
	f.Add("acme\r\nBcc: eve@example.com\r\n\r\nhello")
	f.Add("a\u2028b\u0085c\x00")
	f.Add("=?utf-8?q?Bcc?=")
	f.Add(strings.Repeat("ä", 500))
	f.Fuzz(func(t *testing.T, account string) {
		o := well(0)
		o.Outcome.Account = account
		m, _ := factsOf(o).tell(nil, o)
		msg, err := compose(&config.Email{From: "a@example.com", To: []string{"b@example.com"}}, Letter{Message: m})
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if _, err := msg.WriteTo(&b); err != nil {
			t.Fatal(err)
		}
		got, err := mail.ReadMessage(&b)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for name := range got.Header {
			names = append(names, name)
		}
		slices.Sort(names)
		want := []string{"Auto-Submitted", "Content-Type", "Date", "From", "Message-Id", "Mime-Version", "Subject", "To", "X-Auto-Response-Suppress"}
		if !slices.Equal(names, want) {
			t.Errorf("headers %q", names)
		}
	})
}
