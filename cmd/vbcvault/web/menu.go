package web

import (
	"slices"
	"strings"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/access"
)

// menuItem is a page that the menu leads to.
type menuItem struct {
	Path, Name string
	right      access.Right
	Current    bool // it is the one that is shown, or that which is shown is below it
}

// menu is what the menu leads to, in its order. What somebody may not see isn't there,
// and neither is what has no route.
var menu = []menuItem{
	{Path: "/", Name: "Calls", right: access.See},
	{Path: "/holds", Name: "Holds", right: access.See},
	{Path: "/accounts", Name: "Accounts", right: access.Oversee},
	{Path: "/listenings", Name: "Listening log", right: access.Log},
	{Path: "/users", Name: "Users", right: access.Admin},
}

// Menu is the menu for whoever looks at a page.
func (p page) Menu() (items []menuItem) {
	for _, i := range menu {
		if !p.Viewer.May(i.right) || !slices.ContainsFunc(routes, func(r route) bool { return leads(r.pattern, i.Path) }) {
			continue
		}
		if i.Path == "/accounts" && limited(p.Viewer) { // which counts all calls
			continue
		}
		i.Current = p.Here == i.Path || strings.HasPrefix(p.Here, i.Path+"/") || i.Path == "/" && strings.HasPrefix(p.Here, "/call/")
		items = append(items, i)
	}
	return items
}

// leads reports whether a route answers at a path.
func leads(pattern, path string) bool {
	at, ok := strings.CutPrefix(pattern, "GET ")
	return ok && (at == path || path == "/" && at == "/{$}")
}
