package config

import (
	"slices"
	"strings"
	"testing"
	"time"
)

const leastOIDC = "issuer: https://login.example.com, client-id: x, claim: groups, roles: {g: auditor}"

func TestMistakesOfThePage(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"unknown key":        {"listn: ':1'", "6: web.listn: there is no such key; did you mean listen?"},
		"listen":             {"listen: 8180", "6: web.listen: this is not an address to listen at; write it as in 127.0.0.1:9180, or :9180 for all addresses of this machine"},
		"open":               {"listen: ':8180', url: https://calls.example.com", "6: web.listen: others on the network could read passwords and calls: the page is not encrypted, and is reachable from other machines; add tls with a certificate and a key; or name the proxy that encrypts below proxies; or use 127.0.0.1"},
		"open by an address": {"listen: '192.0.2.1:8180', url: https://calls.example.com", "6: web.listen: others on the network could read passwords and calls: the page is not encrypted, and is reachable from other machines; add tls with a certificate and a key; or name the proxy that encrypts below proxies; or use 127.0.0.1"},
		"nameless":           {"listen: ':8180', proxies: 10.0.0.5", "6: web.listen: the page is reachable from other machines, but it does not know under which name; add url, as in url: https://calls.example.com"},
		"plain address":      {"url: http://calls.example.com", "6: web.url: passwords and calls would not be encrypted; write the address with https"},
		"address with path":  {"url: https://example.com/calls", "6: web.url: the page has a host of its own, and no path; remove the path, as in https://example.com"},
		"half a pair":        {"tls: {key: /k.pem}", "6: web.tls: only one of certificate and key is there; write both, or neither if a proxy encrypts"},
		"encrypted as plain": {"url: http://localhost:1, tls: {key: /k.pem, certificate: /c.pem}", "6: web.url: the page is encrypted; write the address with https"},
		"every proxy":        {"proxies: 0.0.0.0/0", "6: web.proxies: everybody would be believed; name the address of the proxy, as in 10.0.0.5"},
		"no proxy":           {"proxies: [10.0.0.5, proxy]", "6: web.proxies[2]: this is not an address or a network; write it as in 10.0.0.5, 10.0.0.0/24 or fd00::/8"},
		"idle":               {"session-idle: 13h", "6: web.session-idle: session-ends comes earlier; make it shorter than session-ends"},
		"bool":               {"four-eyes: yes", "6: web.four-eyes: want true or false, not text; write true or false, without quotes"},
		"own role":           {"roles: {admin: {role: auditor}}", "6: web.roles.admin: this role is there without the file; choose another name, and write role: admin below it"},
		"no role":            {"roles: {x: {}}", "6: web.roles.x: role is missing; add it below web.roles.x"},
		"unknown role":       {"roles: {x: {role: boss}}", `6: web.roles.x.role: "boss" is unknown; want one of auditor, supervisor, holder, admin`},
		"unknown account":    {"roles: {x: {role: auditor, accounts: [acne]}}", `6: web.roles.x.accounts: "acne" is not the name of one of the accounts; did you mean acme?`},
		"age in minutes":     {"roles: {x: {role: auditor, max-age: 6m}}", "6: web.roles.x.max-age: minutes or months?; write it in days, weeks or years, as in 90d"},
		"no age":             {"roles: {x: {role: auditor, max-age: '90'}}", `6: web.roles.x.max-age: "90" is not an age; write it as in 90d, 2w or 1y`},
		"no address":         {"oidc: {" + leastOIDC + "}", "6: web.oidc: the provider has to know the address of the page, and web.url is missing; add url below web, as in url: https://calls.example.com"},
		"no issuer":          {"url: https://c.example, oidc: {client-id: x, claim: groups, roles: {g: auditor}}", "6: web.oidc: issuer is missing; add it below web.oidc"},
		"plain issuer":       {"url: https://c.example, oidc: {issuer: http://login.example.com, client-id: x, claim: groups, roles: {g: auditor}}", "6: web.oidc.issuer: others on the network could sign in as anybody; write the address with https"},
		"value without role": {"url: https://c.example, oidc: {issuer: https://login.example.com, client-id: x, claim: groups, roles: {g: auditr}}", `6: web.oidc.roles.g: "auditr" is not a role; did you mean auditor?`},
		"secret":             {"url: https://c.example, oidc: {" + leastOIDC + ", client-secret: hunter2}", "6: web.oidc.client-secret: a secret must not be in the file itself; write where it is: {env: NAME}, {file: /run/secrets/NAME}, {credential: NAME}, {exec: [PROGRAM, ARGUMENT]} or {aws_secret: ARN#KEY}. Change the secret if others could read this file"},
		"no roles":           {"url: https://c.example, oidc: {issuer: https://login.example.com, client-id: x, claim: groups, roles: auditor}", "6: web.oidc.roles: want values with their roles, not text; write each value with its role below it, indented, as in call-auditors: auditor"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := parse(t, least+"web: {"+c.text+"}\n")
			if err == nil {
				t.Fatal("it is read")
			}
			if got := strings.ReplaceAll(err.Error(), "/etc/vbcvault/vbcvault.yaml:", ""); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// Values of a claim may be any text, and keep their order.
func TestThePage(t *testing.T) {
	t.Parallel()
	c, err := parse(t, least+`web:
  listen: 0.0.0.0:8443
  url: https://calls.example.com
  tls: {certificate: /c.pem, key: /k.pem}
  four-eyes: true
  session-idle: 10m
  roles:
    berlin: {role: supervisor, accounts: [acme], extensions: [101, "0102"], max-age: 90d, download: true}
  oidc:
    issuer: https://login.example.com
    client-id: x
    client-secret: {env: OIDC}
    claim: groups
    roles: {Zed & Co: berlin, "00000000-0000-0000-0000-00000000000A": auditor, a: admin}
`)
	if err != nil {
		t.Fatal(err)
	}
	want := ClaimRoles{{"Zed & Co", "berlin", 19}, {"00000000-0000-0000-0000-00000000000A", "auditor", 19}, {"a", "admin", 19}}
	w := c.Web
	if b := w.Roles["berlin"]; !slices.Equal(w.OIDC.Roles, want) || b.MaxAge != 90*24*time.Hour || !slices.Equal(b.Extensions, []string{"101", "0102"}) || !b.Download || !w.FourEyes || w.SessionIdle != 10*time.Minute {
		t.Errorf("%+v %+v", w, w.OIDC)
	}
	if u := c.Secrets(); u[len(u)-1].Key != "web.oidc.client-secret" {
		t.Errorf("the page's secret is not one of the file's: %+v", u)
	}
	for listen, fit := range map[string]bool{"127.0.0.1:1": true, "localhost:1": true, "[::1]:1": true, "127.9.9.9:1": true, ":1": false, "0.0.0.0:1": false, "[::]:1": false, "10.0.0.1:1": false, "host:1": false} {
		if got := (Web{}).Unfit(listen); (len(got) == 0) != fit {
			t.Errorf("%s: %+v", listen, got)
		}
	}
}
