package vbc

import (
	"crypto/sha256"
	"encoding/hex"
)

// Login256 is a digest that tells this client's user from others: the same for
// the same user at the same address, whatever the password. It is no secret.
func (c *Client) Login256() string {
	sum := sha256.Sum256([]byte(c.base.Host + "\n" + c.tokens.username))
	return hex.EncodeToString(sum[:])
}

// LoginName is the user's name as it is sent, with what VBC needs at its end.
func (c *Client) LoginName() string { return c.tokens.username }
