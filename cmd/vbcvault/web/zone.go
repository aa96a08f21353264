package web

import (
	"net/http"
	"net/url"
	"strings"
	"time"
	_ "time/tzdata" // zones, also where the system has none
)

func init() {
	routes = append(routes, route{"POST /zone", "", (*Server).setZone})
}

// zones are those that the page suggests. Any other may be written.
var zones = []string{
	"UTC", "America/New_York", "America/Chicago", "America/Denver", "America/Phoenix", "America/Los_Angeles", "America/Anchorage", "Pacific/Honolulu",
	"America/Toronto", "America/Sao_Paulo", "Europe/London", "Europe/Berlin", "Asia/Kolkata", "Asia/Singapore", "Asia/Tokyo", "Australia/Sydney",
}

// Zones are the time zones that the page suggests.
func (r results) Zones() []string { return zones }

// setZone has whoever asks read times in another zone from now on, and goes back to
// where they were. The browser keeps it, and its own script doesn't change it any more.
func (s *Server) setZone(w http.ResponseWriter, r *http.Request) error {
	name := strings.TrimSpace(r.PostFormValue("zone"))
	z, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" {
		return &problem{http.StatusUnprocessableEntity, "There is no such time zone",
			"A time zone is named by a continent and a city, or is UTC.", "Go back and write one as in America/New_York or Europe/Berlin."}
	}
	http.SetCookie(w, &http.Cookie{Name: "zone", Value: z.String(), Path: "/", MaxAge: 365 * 24 * 3600, HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: r.TLS != nil}) //nolint:gosec // it names a zone, also where there is no TLS
	http.Redirect(w, r, local(r.PostFormValue("back")), http.StatusSeeOther)                                                                                                   //nolint:gosec // local makes it an address of this page
	return nil
}

// local is an address of this page, whatever somebody has put into a form.
func local(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(u.Path, "//") || strings.Contains(u.Path, `\`) {
		return "/"
	}
	return (&url.URL{Path: u.Path, RawQuery: u.RawQuery}).RequestURI()
}
