package access

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// cost is what hashing a password takes: what OWASP's Password Storage Cheat Sheet
// recommends for Argon2id, in KiB, passes and lanes.
type cost struct {
	memory, time uint32
	lanes        uint8
}

var costs = cost{memory: 19 << 10, time: 2, lanes: 1}

// mostCost is what a hash that is read may take, so that one that somebody has written by
// hand can't take all memory.
var mostCost = cost{memory: 256 << 10, time: 10, lanes: 8}

// A password has at least so many characters, and at most so many bytes.
const shortest, longest = 12, 1024

// NewPassword is how a password is kept, a PHC string. The error says what is wrong with
// the password, and has nothing of it.
func NewPassword(password string) (string, error) {
	switch {
	case utf8.RuneCountInString(password) < shortest:
		return "", fmt.Errorf("the password has fewer than %d characters", shortest)
	case len(password) > longest:
		return "", fmt.Errorf("the password has more than %d bytes", longest)
	case !utf8.ValidString(password):
		return "", errors.New("the password is not UTF-8 text")
	}
	var salt [16]byte
	_, _ = rand.Read(salt[:]) // never fails
	return costs.phc(salt[:], costs.key(password, salt[:])), nil
}

// key is what a password comes to. Keyboards write some characters in several ways.
func (c cost) key(password string, salt []byte) []byte {
	return argon2.IDKey([]byte(norm.NFC.String(password)), salt, c.time, c.memory, c.lanes, 32)
}

var encoding = base64.RawStdEncoding

func (c cost) phc(salt, key []byte) string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, c.memory, c.time, c.lanes, encoding.EncodeToString(salt), encoding.EncodeToString(key))
}

// matches reports whether a hash is that of a password, and whether it was made at
// another cost than new ones. A hash that can't be read is that of no password.
func matches(hash, password string) (ok, stale bool) {
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return false, false
	}
	var c cost
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &c.memory, &c.time, &c.lanes); err != nil {
		return false, false
	}
	salt, err1 := encoding.DecodeString(parts[4])
	key, err2 := encoding.DecodeString(parts[5])
	if err1 != nil || err2 != nil || len(key) != 32 || len(salt) < 8 || c.time < 1 || c.lanes < 1 || c.memory < 8 ||
		c.memory > mostCost.memory || c.time > mostCost.time || c.lanes > mostCost.lanes {
		return false, false
	}
	return subtle.ConstantTimeCompare(key, c.key(password, salt)) == 1, c != costs
}

var userName = regexp.MustCompile(`^[a-z0-9][a-z0-9._@-]{0,63}$`)

// UserName is the name of a user as it is kept, if a user can have it.
func UserName(text string) (name string, ok bool) {
	name = strings.ToLower(strings.TrimSpace(text))
	return name, userName.MatchString(name)
}
