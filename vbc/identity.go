package vbc

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"strings"
)

// Login256 is a digest that tells this client's user from others: the same for
// the same user at the same address, whatever the password. It is no secret.
func (c *Client) Login256() string {
	sum := sha256.Sum256([]byte(c.base.Host + "\n" + c.tokens.username))
	return hex.EncodeToString(sum[:])
}

// harmless is an address without what may be secret in it: whoever puts a
// password into it doesn't want to see it in a log.
func harmless(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" && strings.ContainsAny(address, "@?") {
		return "(not shown)"
	}
	if u.User != nil {
		u.User = url.User("...")
	}
	if u.RawQuery != "" || u.ForceQuery {
		u.RawQuery = "..."
	}
	u.Fragment, u.RawFragment = "", ""
	return u.String()
}
