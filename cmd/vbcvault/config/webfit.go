package config

import (
	"cmp"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// Unfit is what is wrong with the page as a whole.
type Unfit struct {
	Key         string // of web, as in tls.key; "" = of none
	Wrong, Mend string
}

// Unfit says what is wrong with the page if it is answered at an address: what others on
// the network could read or could lead astray.
func (w Web) Unfit(listen string) (all []Unfit) {
	add := func(key, wrong, mend string) { all = append(all, Unfit{key, wrong, mend}) }
	u, err := url.Parse(w.URL)
	named := w.URL != "" && err == nil
	encrypted := w.TLS.Certificate != "" && w.TLS.Key != ""
	local := isLoopback(hostOf(listen))
	if named && strings.Trim(u.Path, "/") != "" {
		add("url", "the page has a host of its own, and no path", "remove the path, as in "+u.Scheme+"://"+u.Host)
	}
	if named && u.Scheme == "http" && !isLoopback(u.Hostname()) {
		add("url", "passwords and calls would not be encrypted", "write the address with https")
	}
	switch {
	case (w.TLS.Certificate == "") != (w.TLS.Key == ""):
		add("tls", "only one of certificate and key is there", "write both, or neither if a proxy encrypts")
	case encrypted && named && u.Scheme == "http":
		add("url", "the page is encrypted", "write the address with https")
	case !local && !encrypted && len(w.Proxies) == 0:
		add("listen", "others on the network could read passwords and calls: the page is not encrypted, and is reachable from other machines",
			"add tls with a certificate and a key; or name the proxy that encrypts below proxies; or use 127.0.0.1")
	}
	if !local && !named {
		add("listen", "the page is reachable from other machines, but it does not know under which name", "add url, as in url: https://calls.example.com")
	}
	if cmp.Or(w.SessionIdle, 30*time.Minute) > cmp.Or(w.SessionEnds, 12*time.Hour) {
		add("session-idle", "session-ends comes earlier", "make it shorter than session-ends")
	}
	return all
}

func hostOf(listen string) string {
	host, _, _ := net.SplitHostPort(listen)
	return host
}

// isLoopback reports whether a host is this machine, whatever a resolver says.
func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return strings.EqualFold(host, "localhost") || err == nil && ip.IsLoopback()
}

// web says what is wrong with the page, and with what it has to do with the accounts.
func (r *reader) web(f *file) {
	w := f.Web
	listen := cmp.Or(w.Listen, "127.0.0.1:8180")
	for _, u := range w.Unfit(listen) {
		key := "web." + u.Key
		if !r.isWrong(key) && (u.Key != "listen" || !r.isWrong("web.tls", "web.proxies", "web.url")) {
			r.wrong(cmp.Or(r.at(key), r.at("web")), u.Mend, "%s", u.Wrong)
		}
	}
	for _, name := range r.inOrder("web.roles", slices.Collect(maps.Keys(w.Roles))) {
		r.webRole(f, name, w.Roles[name])
	}
	if w.OIDC != nil {
		r.oidc(w)
	}
}

func (r *reader) webRole(f *file, name string, role WebRole) {
	key := "web.roles." + name
	if slices.Contains(WebRoles(), name) {
		r.wrong(r.at(key), "choose another name, and write role: "+name+" below it", "this role is there without the file")
	}
	if role.Role == "" {
		r.lacks(key, "role")
	}
	for _, account := range role.Accounts {
		if _, ok := f.Accounts[account]; !ok {
			r.reference(key+".accounts", account, "accounts", slices.Sorted(maps.Keys(f.Accounts)))
		}
	}
}

func (r *reader) oidc(w Web) {
	o := w.OIDC
	for _, need := range []struct {
		key  string
		here bool
	}{{"issuer", o.Issuer != ""}, {"client-id", o.ClientID != ""}, {"claim", o.Claim != ""}, {"roles", len(o.Roles) > 0}} {
		if !need.here {
			r.lacks("web.oidc", need.key)
		}
	}
	if u, err := url.Parse(o.Issuer); err == nil && u.Scheme == "http" && !isLoopback(u.Hostname()) {
		r.wrong(r.at("web.oidc.issuer"), "write the address with https", "others on the network could sign in as anybody")
	}
	if w.URL == "" && !r.isWrong("web.url") {
		r.wrong(r.at("web.oidc"), "add url below web, as in url: https://calls.example.com", "the provider has to know the address of the page, and web.url is missing")
	}
	for _, of := range o.Roles {
		if !w.HasRole(of.Role) {
			r.wrong(place{key: "web.oidc.roles." + of.Value, line: of.Line}, w.MendRole(of.Role), "%q is not a role", of.Role)
		}
	}
}

// age reads how old something may be. Minutes are refused: by 6m somebody may mean months.
func (r *reader) age(v reflect.Value, s string, at place) {
	d, err := model.ParseDuration(s)
	switch {
	case err != nil || d == 0:
		r.wrong(at, "write it as in 90d, 2w or 1y", "%q is not an age", s)
	case strings.ContainsAny(s, "ms"):
		r.wrong(at, "write it in days, weeks or years, as in 90d", "minutes or months?")
	default:
		v.SetInt(int64(d))
	}
}
