package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	mostHeader = 64 << 10 // of an answer
	mostAnswer = 64 << 10 // is read of one, and not looked at
)

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// post sends a body and wants an answer that says that it has arrived. Whatever
// answers is not followed, and not believed more than its status.
func (t *Teller) post(ctx context.Context, to *url.URL, header http.Header, body []byte, s secrets) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.String(), bytes.NewReader(body))
	if err != nil {
		return &failure{text: s.shown(withoutURL(err).Error()), final: true}
	}
	for name, values := range header {
		req.Header[name] = values
	}
	req.Header.Set("User-Agent", "vbcvault")
	transport := http.DefaultTransport.(*http.Transport).Clone() // HTTPS_PROXY, SSL_CERT_FILE
	transport.DisableKeepAlives, transport.DisableCompression = true, true
	transport.MaxResponseHeaderBytes = mostHeader
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: t.roots}
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		return &failure{text: s.shown(withoutURL(err).Error())}
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, mostAnswer) // the status has said all
	return refused(resp)
}

// withoutURL is an error of net/http without the address, which is a secret.
func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// refused is what an answer means.
func refused(resp *http.Response) error {
	status := resp.StatusCode
	if status >= 200 && status < 300 {
		return nil
	}
	f := &failure{text: fmt.Sprintf("HTTP %d", status), final: true}
	switch {
	case status == http.StatusTooManyRequests, status == http.StatusRequestTimeout, status == http.StatusTooEarly, status >= 500:
		f.final = false
		if n, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && n > 0 && n < 24*3600 {
			f.after = time.Duration(n) * time.Second
		}
	case status >= 300 && status < 400:
		f.text += ": the address is another one now, and vbcvault does not follow it; change url"
	case status == http.StatusNotFound, status == http.StatusGone:
		f.text += ": there is nothing at this address any more; make a new one, and change url"
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		f.text += ": access is refused; check url and secret"
	default:
		f.text += ": the message is refused; check template"
	}
	return f
}
