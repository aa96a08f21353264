package config

import (
	"maps"
	"slices"
	"time"
)

// Web is the page.
type Web struct {
	Listen  string   `json:"listen,omitempty" is:"listen" jsonschema_description:"address of the page, as in 127.0.0.1:8180; without it vbcvault serve has no page, and vbcvault web takes 127.0.0.1:8180"`
	URL     string   `json:"url,omitempty" is:"url" jsonschema_description:"the address under which people open the page, as in https://calls.example.com; needed for OIDC and unless everybody is on this machine"`
	Proxies []string `json:"proxies,omitempty" is:"network" jsonschema_description:"addresses or networks of proxies in front of the page whose word counts on who is asking, as in 10.0.0.5"`
	TLS     WebTLS   `json:"tls,omitempty" jsonschema_description:"certificate and key; they are read again when they change"`

	SessionIdle time.Duration `json:"session-idle,omitempty" jsonschema_description:"whoever does nothing for so long is signed out; default 30m"`
	SessionEnds time.Duration `json:"session-ends,omitempty" jsonschema_description:"everybody is signed out after so long; default 12h"`

	FourEyes bool               `json:"four-eyes,omitempty" jsonschema_description:"a second person must agree before a hold ends"`
	Roles    map[string]WebRole `json:"roles,omitempty" jsonschema_description:"roles besides auditor, supervisor, holder and admin, by name: one of these four, and what it is limited to"`
	OIDC     *OIDC              `json:"oidc,omitempty" jsonschema_description:"sign-in by an OpenID Connect provider"`
}

// WebTLS are the files with which the page is encrypted.
type WebTLS struct {
	Certificate string `json:"certificate,omitempty" is:"path" jsonschema_description:"file with the certificate and its chain, PEM"`
	Key         string `json:"key,omitempty" is:"path" jsonschema_description:"file with the key, PEM"`
}

// WebRole is a role that is limited.
type WebRole struct {
	Role       string        `json:"role" is:"role" jsonschema_description:"auditor, supervisor, holder or admin"`
	Accounts   []string      `json:"accounts,omitempty" jsonschema_description:"names of the accounts; default all"`
	Extensions []string      `json:"extensions,omitempty" jsonschema_description:"calls of these extensions alone; default all"`
	MaxAge     time.Duration `json:"max-age,omitempty" is:"age" jsonschema_description:"recordings that are younger alone, as in 90d; default all"`
	Download   bool          `json:"download,omitempty" jsonschema_description:"a supervisor may download too"`
}

// OIDC is a provider of OpenID Connect.
type OIDC struct {
	Issuer       string     `json:"issuer" is:"url" jsonschema_description:"address of the provider, as it names itself"`
	ClientID     string     `json:"client-id" jsonschema_description:"the page's id there"`
	ClientSecret Secret     `json:"client-secret,omitempty" jsonschema_description:"where the secret of this id is, if it has one"`
	Scopes       []string   `json:"scopes,omitempty" jsonschema_description:"what is asked for besides openid; default profile and email"`
	Name         string     `json:"name,omitempty" jsonschema_description:"the claim by which people are named in logs; default sub"`
	Claim        string     `json:"claim" jsonschema_description:"the claim that decides on the role, as in groups"`
	Roles        ClaimRoles `json:"roles" jsonschema_description:"values of the claim, and the role that each gives; of somebody who has several, the first one here counts"`
}

// ClaimRoles are values of a claim with the roles that they give, in the order of the
// file.
type ClaimRoles []ClaimRole

// ClaimRole is one of them.
type ClaimRole struct {
	Value, Role string
	Line        int // of the file
}

// Gives reports whether a value gives a role.
func (o *OIDC) Gives(value, role string) bool {
	return slices.ContainsFunc(o.Roles, func(r ClaimRole) bool { return r.Value == value && r.Role == role })
}

// WebRoles are the roles that there are without a configuration.
func WebRoles() []string { return []string{"auditor", "supervisor", "holder", "admin"} }

// HasRole reports whether there is a role of this name.
func (w Web) HasRole(name string) bool {
	_, ok := w.Roles[name]
	return ok || slices.Contains(WebRoles(), name)
}

// MendRole says which role may be meant.
func (w Web) MendRole(name string) string {
	return mendName(name, "web.roles", append(WebRoles(), slices.Sorted(maps.Keys(w.Roles))...))
}
