package notify

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
)

// Commands are of use on one machine only: each form of a message names it.
func TestHostIsNamed(t *testing.T) {
	t.Parallel()
	r := receive(t, func(w http.ResponseWriter, _ *http.Request) {})
	cmd, told := to(t, "cmd", "always")
	hooks := []config.Notifier{webhook(t, r.URL, "", ""), webhook(t, r.URL, "", "slack"), webhook(t, r.URL, "", "teams"), cmd}
	for i := range hooks {
		hooks[i].Name, hooks[i].On = fmt.Sprint(i), []string{"always"}
	}
	tell, _ := teller(t, hooks...)
	tell.host = "archive-7"
	tell.Tell(t.Context(), well(0))
	if got := told(); len(got) != 1 || got[0].Host != "archive-7" || len(r.all()) != 3 {
		t.Fatalf("%+v; %d requests", got, len(r.all()))
	}
	field, shown := 0, 0
	for _, got := range r.all() {
		field += strings.Count(string(got.body), `"host":"archive-7"`)
		shown += strings.Count(string(got.body), "To see more, run on archive-7:")
	}
	if field != 1 || shown != 2 {
		t.Errorf("%d bodies have the field, %d templates show it", field, shown)
	}
	l := Letter{Message: told()[0]}
	m, err := compose(&config.Email{From: "a@example.com", To: []string{"b@example.com"}}, l)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range m.GetParts() {
		if b, err := part.GetContent(); err != nil || !strings.Contains(string(b), "To see more, run on archive-7:") {
			t.Errorf("%v: %s", err, b)
		}
	}
	if New(nil, nil, nil).host == "" {
		t.Error("this machine's name isn't used")
	}
}
