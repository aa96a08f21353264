package access

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// hostsOf are the hosts that requests may name: names of this machine and the address
// that the page is answered at, with its port, and the host of its address. Whatever else
// a browser names is somebody else's, who has had it lead here (DNS rebinding).
func hostsOf(listen, address string) map[string]bool {
	all := map[string]bool{}
	if host, port, err := net.SplitHostPort(listen); err == nil {
		names := []string{"localhost", "127.0.0.1", "::1"}
		if ip, err := netip.ParseAddr(host); err == nil && !ip.IsUnspecified() {
			names = append(names, host)
		}
		for _, name := range names {
			all[net.JoinHostPort(name, port)] = true
			if port == "80" || port == "443" {
				all[strings.TrimSuffix(net.JoinHostPort(name, ""), ":")] = true
			}
		}
	}
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		host := strings.ToLower(u.Host)
		all[host] = true
		if port := map[string]string{"https": "443", "http": "80"}[u.Scheme]; u.Port() == "" {
			all[net.JoinHostPort(strings.Trim(host, "[]"), port)] = true
		} else if u.Port() == port {
			all[strings.TrimSuffix(host, ":"+port)] = true
		}
	}
	return all
}

func isHTTPS(address string) bool { return strings.HasPrefix(strings.ToLower(address), "https://") }

// proxies are those whose word counts.
type proxies []netip.Prefix

// proxiesOf reads addresses and networks; what is neither is none.
func proxiesOf(texts []string) (all proxies) {
	for _, t := range texts {
		if p, err := netip.ParsePrefix(t); err == nil {
			all = append(all, p.Masked())
		} else if a, err := netip.ParseAddr(t); err == nil {
			all = append(all, netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()))
		}
	}
	return all
}

func (p proxies) has(a netip.Addr) bool {
	return slices.ContainsFunc(p, func(n netip.Prefix) bool { return n.Contains(a.Unmap().WithZone("")) })
}

// peer is who has sent a request, if need be for somebody else.
func peer(r *http.Request) netip.Addr {
	p, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return p.Addr().Unmap()
}

// From is the address of whoever asks: that of the connection, or the last one before the
// proxies that are named. What others write into X-Forwarded-For counts nothing.
func (g *Gate) From(r *http.Request) string {
	from := peer(r)
	named := g.using.Load().proxies
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && named.has(from); i-- {
		a, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		from = a.Unmap()
	}
	if !from.IsValid() {
		return "unknown"
	}
	return from.String()
}

// host is the host that a request names, as the browser has: what a proxy that is named
// says of it counts.
func (s *settings) host(r *http.Request) string {
	host := r.Host
	if said := r.Header.Values("X-Forwarded-Host"); len(said) > 0 && s.proxies.has(peer(r)) {
		all := strings.Split(strings.Join(said, ","), ",")
		host = strings.TrimSpace(all[len(all)-1])
	}
	return strings.ToLower(host)
}
