package web

import (
	"net/http"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/access"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/state"
)

func init() {
	routes = append(routes,
		route{pattern: "GET /users", right: access.Admin, do: (*Server).people},
		route{pattern: "POST /users/end", right: access.Admin, do: (*Server).endSessions},
	)
}

// people is the page of who can sign in or has.
func (s *Server) people(w http.ResponseWriter, r *http.Request) error {
	all, err := s.o.Gate.People(r.Context())
	if err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, "people", "Users and sign-ins", struct {
		People []state.Person
		Me     string
		Ended  bool
	}{all, access.From(r.Context()).ID, r.FormValue("ended") != ""})
}

// endSessions signs somebody out everywhere.
func (s *Server) endSessions(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return badForm
	}
	if _, err := s.o.Gate.EndSessions(r.Context(), access.From(r.Context()), r.PostFormValue("who")); err != nil {
		return err
	}
	http.Redirect(w, r, "/users?ended=1", http.StatusSeeOther)
	return nil
}
