package notify

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"html/template"
	"net"
	"net/mail"
	"net/textproto"
	"strconv"
	"strings"

	gomail "github.com/wneessen/go-mail"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
)

// mail sends a letter by mail. The server has taken it when this returns without an
// error; all recipients have it, or none.
func (t *Teller) mail(ctx context.Context, e *config.Email, l Letter) error {
	var s secrets
	m, err := compose(e, l)
	if err != nil {
		return &failure{text: err.Error(), final: true}
	}
	password, err := s.fetch(ctx, "password", e.Password)
	if err != nil {
		return err
	}
	if password != "" { // as AUTH PLAIN has it, which servers repeat in their errors
		s = append(s, "\x00"+e.Username+"\x00"+password)
	}
	d := &dialer{ctx: ctx}
	defer d.close()
	client, err := t.mailClient(e, d, password)
	if err != nil {
		return &failure{text: s.shown(err.Error()), final: true}
	}
	server, err := client.DialToSMTPClientWithContext(ctx)
	if err == nil {
		if err = client.SendWithSMTPClient(server, m); err == nil {
			// What goes wrong from here on doesn't matter: the server has taken it.
			_ = client.CloseWithSMTPClient(server)
			return nil
		}
	}
	if ctx.Err() != nil {
		return &failure{text: "the mail server does not answer in time"}
	}
	return &failure{text: s.shown(err.Error()), final: permanent(err)}
}

// permanent reports whether a mail server refuses for good. A reply of 5xx says so.
func permanent(err error) bool {
	if e, ok := errors.AsType[*textproto.Error](err); ok {
		return e.Code >= 500
	}
	e, ok := errors.AsType[*gomail.SendError](err)
	return ok && e.ErrorCode() >= 500
}

// mailClient is how to reach the server: with TLS, or not at all.
func (t *Teller) mailClient(e *config.Email, d *dialer, password string) (*gomail.Client, error) {
	host, portText, err := net.SplitHostPort(e.Host)
	if err != nil {
		return nil, errors.New("host must be HOST:PORT, as in mail.example.com:587")
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return nil, errors.New("host: the port is no number")
	}
	d.tls = &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12, RootCAs: t.roots}
	policy := gomail.TLSMandatory
	switch e.TLS {
	case "", "starttls":
	case "tls":
		d.implicit, policy = true, gomail.TLSOpportunistic // there is TLS already; the client sees that by itself
	case "none":
		if !loopback(host) {
			return nil, errors.New("tls: none is allowed only to this machine")
		}
		policy = gomail.NoTLS
	default:
		return nil, errors.New("tls must be starttls, tls or none")
	}
	options := []gomail.Option{
		gomail.WithPort(port), gomail.WithTLSPolicy(policy), gomail.WithTLSConfig(d.tls), gomail.WithTimeout(tryLimit), gomail.WithDialContextFunc(d.dial),
	}
	if e.Username != "" {
		options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(e.Username), gomail.WithPassword(password))
	}
	return gomail.NewClient(host, options...)
}

// dialer connects, and has the connection end with ctx: the client doesn't look at it
// once it is connected, and leaves connections open where something goes wrong.
type dialer struct {
	ctx      context.Context
	tls      *tls.Config
	implicit bool
	conn     net.Conn
	stop     func() bool
}

func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	d.conn = conn
	d.stop = context.AfterFunc(d.ctx, func() { _ = conn.Close() })
	if !d.implicit {
		return conn, nil
	}
	secure := tls.Client(conn, d.tls)
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	return secure, nil
}

func (d *dialer) close() {
	if d.conn != nil {
		d.stop()
		_ = d.conn.Close()
	}
}

// compose writes the mail. The same letter is the same mail: who gets it twice, since
// an answer was lost, sees one.
func compose(e *config.Email, l Letter) (*gomail.Msg, error) {
	from, err := mail.ParseAddress(e.From)
	if err != nil {
		return nil, errors.New("from is no mail address")
	}
	m := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	m.FromMailAddress(from)
	if len(e.To) == 0 {
		return nil, errors.New("to has no mail address")
	}
	if err := m.To(e.To...); err != nil {
		return nil, errors.New("to has something that is no mail address")
	}
	_, domain, _ := strings.Cut(from.Address, "@")
	m.SetMessageIDWithValue(messageID(l.Message.ID) + "@" + cmp.Or(domain, "localhost"))
	m.SetDateWithValue(l.Message.At)
	m.Subject("vbcvault: " + oneLine(l.Message.Title))
	m.SetGenHeader("Auto-Submitted", "auto-generated")
	m.SetGenHeader("X-Auto-Response-Suppress", "All")
	m.SetBodyString(gomail.TypeTextPlain, l.Message.Title+"\n\n"+l.Message.Text())
	var b bytes.Buffer
	if err := page.Execute(&b, l.Message); err != nil {
		return nil, err
	}
	m.AddAlternativeString(gomail.TypeTextHTML, b.String())
	if f := l.Attached; f != nil {
		err = m.AttachReader(f.Name, bytes.NewReader(f.Body), gomail.WithFileContentType(gomail.ContentType(f.Type)))
	}
	return m, err
}

// messageID is an id without what a header can't hold.
func messageID(id string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return -1
	}, id)
}

var page = template.Must(template.New("mail").Funcs(template.FuncMap{"line": Point.line, "icon": icon, "more": Message.seeMore, "keep": func() string { return keepThis }}).Parse(`<!DOCTYPE html>
<html><body style="font-family: sans-serif; max-width: 45em">
<h2 style="font-size: 1.2em">{{icon .Kind}} {{.Title}}</h2>
{{with .Points}}<ul>{{range .}}<li style="margin-bottom: .7em">{{line .}}{{with .Advice}}<br><b>What to do:</b> {{.}}{{end}}</li>{{end}}</ul>{{end}}
{{with .Counts}}<table style="border-collapse: collapse">{{range .}}<tr><td style="padding: .1em 1em .1em 0">{{.Name}}</td><td style="text-align: right">{{.Value}}</td></tr>{{end}}</table>{{end}}
{{with .Commands}}<p>{{more $}}</p>{{range .}}<pre style="background: #eee; padding: .5em; white-space: pre-wrap">{{.}}</pre>{{end}}{{end}}
{{with .Checkpoint}}<p>{{keep}}</p><pre style="background: #eee; padding: .5em; white-space: pre-wrap">{{.}}</pre>{{end}}
</body></html>
`))
