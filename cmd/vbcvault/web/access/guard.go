package access

import (
	"context"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// largestBody is how much a request may send, in bytes: forms are small.
const largestBody = 1 << 20

// Guard lets requests through to the page that are fit for it: they name a host that is
// allowed, have a path that means one thing only, and come from the page itself if they
// change something. The context of those of somebody who has signed in says who that is.
// Every answer has the headers that keep a browser from loading anything from elsewhere,
// and every request its line in the log.
func (g *Gate) Guard(page http.Handler) http.Handler {
	cross := http.NewCrossOriginProtection()
	cross.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.refuse(w, r, http.StatusForbidden, "another site has sent the request",
			"This request did not come from a page of vbcvault.\nOpen the page itself, and do it there.\n")
	}))
	checked := cross.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v, err := g.viewer(r)
		if err != nil {
			g.log.Error("a session could not be read", "reason", err)
			answer(w, http.StatusServiceUnavailable, "The page can't read who has signed in; the log of vbcvault says why.\nTry again in a minute.\n")
			return
		}
		if v != nil {
			r = r.WithContext(With(r.Context(), v))
			lineOf(r.Context()).user = v.Name
		}
		page.ServeHTTP(w, r)
	}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		set := g.using.Load()
		set.headers(w.Header())
		l := &line{}
		r = r.WithContext(context.WithValue(r.Context(), lineKey{}, l))
		began := g.now()
		watched := &watched{ResponseWriter: w}
		watched.patient()
		defer func() {
			g.log.Debug("request", "method", r.Method, "page", l.pattern, "recording", l.recording, "status", watched.status,
				"bytes", watched.bytes, "user", l.user, "from", g.From(r), "took", g.now().Sub(began))
		}()
		if status, why, text := g.unfit(set, r); why != "" {
			g.refuse(watched, r, status, why, text)
			return
		}
		r.Host = set.host(r)
		if r.Body != nil {
			r.Body = http.MaxBytesReader(watched, r.Body, largestBody)
		}
		checked.ServeHTTP(watched, r)
	})
}

// unfit says why a request is not for the page, "" if it is.
func (g *Gate) unfit(set *settings, r *http.Request) (status int, why, text string) {
	switch from := peer(r); {
	case !set.hosts[set.host(r)]:
		return http.StatusMisdirectedRequest, "the host is not one of the page's",
			"The page is not available under this name.\nUse the address that the configuration has in web: url, or the one that vbcvault prints.\n"
	case !g.tls && !from.IsLoopback() && !set.proxies.has(from):
		return http.StatusForbidden, "it is not encrypted, and not from a proxy that is named",
			"This connection is not encrypted.\nUse the address of the page that begins with https.\n"
	case !plainPath(r):
		return http.StatusBadRequest, "the path can be read in several ways", "There is no such page.\n"
	}
	return 0, "", ""
}

// plainPath reports whether a path means the same to everybody who reads it.
func plainPath(r *http.Request) bool {
	path, raw := r.URL.Path, strings.ToLower(r.URL.EscapedPath())
	if !strings.HasPrefix(path, "/") || r.URL.Host != "" && r.Method != http.MethodConnect && !strings.EqualFold(r.URL.Host, r.Host) {
		return false
	}
	if strings.ContainsFunc(path, func(c rune) bool { return c < ' ' || c == 0x7f || c == '\\' }) || strings.Contains(raw, "%2f") {
		return false
	}
	for i, part := range strings.Split(path, "/") {
		if part == "." || part == ".." || part == "" && i > 0 && i < strings.Count(path, "/") {
			return false
		}
	}
	return true
}

// refuse answers in plain text: what is refused here doesn't get to see a page.
func (g *Gate) refuse(w http.ResponseWriter, r *http.Request, status int, why, text string) {
	g.log.Warn("a request was refused", "reason", why, "status", status, "from", g.From(r))
	answer(w, status, text)
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

// throttled is the part of an address that throttles count: of IPv6 a network, since one
// house has that many addresses.
func throttled(from string) string {
	a, err := netip.ParseAddr(from)
	if err != nil || a.Is4() {
		return from
	}
	p, _ := a.WithZone("").Prefix(64)
	return p.String()
}

// line is what the log says of a request.
type line struct{ pattern, recording, user string }

type lineKey struct{}

func lineOf(ctx context.Context) *line {
	if l, ok := ctx.Value(lineKey{}).(*line); ok {
		return l
	}
	return &line{}
}

// Note tells the log which page a request asks for, and of which recording: its path as
// such may have anything in it.
func Note(ctx context.Context, pattern, recording string) {
	l := lineOf(ctx)
	l.pattern, l.recording = pattern, recording
}

// watched sees what is answered.
type watched struct {
	http.ResponseWriter
	status int
	bytes  int64
}

// stalled is how long whoever asks may take nothing of an answer. Players take what they
// need, and may be paused; they ask again where they have been cut off.
const stalled = 10 * time.Minute

// patient gives whoever asks so much time from now on.
func (w *watched) patient() {
	_ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(time.Now().Add(stalled)) // not all have one
}

func (w *watched) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *watched) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *watched) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	w.patient()
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

// Server makes a server with limits for whoever asks. An answer may take as long as a
// recording plays.
func Server(h http.Handler) *http.Server {
	return &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10}
}
