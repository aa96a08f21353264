package receipt

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// Key signs the checkpoints of a log: an Ed25519 key in the form of
// https://c2sp.org/signed-note. Nothing prints its secret but Secret: neither itself nor
// whatever it is part of. It may be used by several goroutines.
type Key struct {
	signer   note.Signer
	secret   func() string // package fmt shows strings of structs, whatever methods there are
	verifier string
}

// NewKey makes a key, under a name that no other has.
func NewKey() (Key, error) {
	secret, _, err := note.GenerateKey(rand.Reader, "vbcvault/"+strings.ToLower(rand.Text()[:12]))
	if err != nil {
		return Key{}, fmt.Errorf("make a signing key: %w", err)
	}
	return ParseKey(secret)
}

var errNoKey = errors.New("it is not a signing key: want one line that begins with PRIVATE+KEY+")

// ParseKey reads what Secret has written, and what an editor has made of that: with a
// mark of UTF-8 before it, and any line end behind. The error doesn't say what was read.
func ParseKey(secret string) (Key, error) {
	secret = strings.TrimSpace(strings.TrimPrefix(secret, "\ufeff"))
	signer, err := note.NewSigner(secret)
	if err != nil {
		return Key{}, errNoKey
	}
	// PRIVATE+KEY+name+hash+base64 of an algorithm's number and the seed, which
	// NewSigner has looked at
	parts := strings.SplitN(secret, "+", 5)
	seed, err := base64.StdEncoding.DecodeString(parts[len(parts)-1])
	if err != nil || len(seed) != 1+ed25519.SeedSize {
		return Key{}, errNoKey
	}
	public, ok := ed25519.NewKeyFromSeed(seed[1:]).Public().(ed25519.PublicKey)
	if !ok {
		return Key{}, errNoKey
	}
	verifier, err := note.NewEd25519VerifierKey(signer.Name(), public)
	if err != nil {
		return Key{}, errNoKey
	}
	return Key{signer, func() string { return secret }, verifier}, nil
}

// Secret is the key as it is kept: whoever knows it can sign.
func (k Key) Secret() string {
	if k.secret == nil {
		return ""
	}
	return k.secret()
}

// Verifier is what everybody may know: with it the key's signatures are checked.
func (k Key) Verifier() string { return k.verifier }

// String is the verifier.
func (k Key) String() string { return k.verifier }

// GoString is the verifier.
func (k Key) GoString() string { return k.verifier }

// Sign signs a checkpoint. The same one is signed the same way each time.
func (k Key) Sign(c Checkpoint) ([]byte, error) {
	if k.signer == nil {
		return nil, errNoKey
	}
	signed, err := note.Sign(&note.Note{Text: c.Text()}, k.signer)
	if err != nil {
		return nil, fmt.Errorf("sign a checkpoint: %w", err)
	}
	return signed, nil
}

// LooksSecret reports whether a text may have a signing key in it, so that no message
// shows any of it.
func LooksSecret(text string) bool { return strings.Contains(text, "PRIVATE+KEY") }

// Keys are those whose signatures count. The zero Keys are none. They may be used by
// several goroutines.
type Keys struct {
	verifiers []note.Verifier
	texts     []string
}

// NewKeys reads verifiers, as Key.Verifier and the files beside an archive have them.
func NewKeys(verifiers ...string) (Keys, error) {
	var k Keys
	for _, text := range verifiers {
		if text = strings.TrimSpace(text); k.Has(text) {
			continue
		}
		v, err := note.NewVerifier(text)
		if err != nil && LooksSecret(text) {
			return Keys{}, errors.New("it is a signing key, which must stay secret: want what vbcvault audit --key prints")
		}
		if err != nil {
			return Keys{}, fmt.Errorf("%.80q is not a key: want one line as in vbcvault/…+1a2b3c4d+…, which vbcvault audit --key prints", text)
		}
		k.verifiers, k.texts = append(k.verifiers, v), append(k.texts, text)
	}
	return k, nil
}

// Texts are the verifiers.
func (k Keys) Texts() []string { return k.texts }

// Has reports whether a verifier is among them.
func (k Keys) Has(verifier string) bool {
	return slices.Contains(k.texts, strings.TrimSpace(verifier))
}

// ErrUnsigned says that none of the known keys has signed a checkpoint.
var ErrUnsigned = errors.New("no known key has signed it")

// Open reads a checkpoint that one of the keys has signed, and says which. It is
// ErrUnsigned (wrapped) if none has, or if a signature that bears a key's name isn't
// that key's.
func (k Keys) Open(signed []byte) (c Checkpoint, verifier string, err error) {
	n, err := note.Open(signed, note.VerifierList(k.verifiers...))
	if err != nil {
		return Checkpoint{}, "", fmt.Errorf("%w: %w", ErrUnsigned, err)
	}
	c, err = parseCheckpoint(n.Text)
	for i, v := range k.verifiers {
		if v.Name() == n.Sigs[0].Name && v.KeyHash() == n.Sigs[0].Hash {
			verifier = k.texts[i]
		}
	}
	return c, verifier, err
}

// HasName reports whether a key of this name is among them.
func (k Keys) HasName(name string) bool {
	for _, v := range k.verifiers {
		if v.Name() == name {
			return true
		}
	}
	return false
}
