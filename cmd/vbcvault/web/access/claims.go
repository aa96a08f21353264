package access

import (
	"cmp"
	"fmt"
	"strings"
	"unicode"
)

// claims are what a provider says of somebody.
type claims map[string]any

func (c claims) subject() string { s, _ := c["sub"].(string); return s }

// at is a claim by its name; one with dots may lie within another, as in
// realm_access.roles.
func (c claims) at(name string) (any, bool) {
	if v, ok := c[name]; ok {
		return v, true
	}
	outer, inner, nested := strings.Cut(name, ".")
	if m, ok := c[outer].(map[string]any); ok && nested {
		return claims(m).at(inner)
	}
	return nil, false
}

func (c claims) has(name string) bool { _, ok := c.at(name); return ok }

// values are the texts of a claim, which may be one or a list.
func (c claims) values(name string) (all []string) {
	v, _ := c.at(name)
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	for _, e := range list {
		switch e := e.(type) {
		case string:
			all = append(all, e)
		case bool, float64:
			all = append(all, fmt.Sprint(e))
		}
	}
	return all
}

// roleOf is the role that somebody has, with the value that gives it: the first one in
// the order of the file, whatever order the provider has. Whoever writes the file decides
// then which counts, and nobody gets more rights by being in one more group.
func (p *provider) roleOf(c claims) (role, value, why string) {
	has := map[string]bool{}
	for _, v := range c.values(p.Claim) {
		has[v] = true
	}
	for _, r := range p.Roles {
		if has[r.Value] {
			return r.Role, r.Value, ""
		}
	}
	elsewhere, _ := c["_claim_names"].(map[string]any)
	_, overage := elsewhere[p.Claim]
	switch {
	case overage, c["hasgroups"] != nil:
		return "", "", "the provider leaves out the groups of who is in too many (_claim_names); " +
			"have it send only groups that are assigned to this application, or use roles of the application"
	case !c.has(p.Claim):
		return "", "", "the provider sends no such claim; have it send it, or correct web.oidc.claim or web.oidc.scopes"
	}
	return "", "", "web.oidc.roles has none of its values"
}

// longestName is how long a name in logs can be, in characters.
const longestName = 100

// nameOf is what somebody is called in logs: the claim that is configured, or the
// subject, if the provider doesn't vouch for a mail address or sends no name.
func (p *provider) nameOf(c claims) string {
	name, claim := "", cmp.Or(p.Name, "sub")
	if all := c.values(claim); len(all) == 1 {
		name = all[0]
	}
	if verified, said := c["email_verified"]; claim == "email" && said && fmt.Sprint(verified) != "true" {
		name = ""
	}
	return cmp.Or(plain(name, longestName), plain(c.subject(), longestName))
}

// plain is a text without what can't be seen, and no longer than so many characters.
func plain(s string, most int) string {
	s = strings.TrimSpace(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1 // also what turns the direction of what follows
		}
		return r
	}, strings.ToValidUTF8(s, "")))
	if r := []rune(s); len(r) > most {
		s = string(r[:most])
	}
	return s
}
