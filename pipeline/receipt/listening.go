package receipt

import (
	"fmt"

	"golang.org/x/mod/sumdb/note"

	"github.com/vbcvault/vbcvault/storage"
)

// listening is what is signed of an entry in the log of who has listened: the digest
// of its text, which has the digest of the one before.
func listening(text storage.Digest) string { return fmt.Sprintf("vbcvault/listening\n%s\n", text) }

// SignListening signs an entry in the log of who has listened, by the digest of its
// text, as soon as it is written: whoever can change the manifest's file, and doesn't
// have the key, can't add one.
func (k Key) SignListening(text storage.Digest) (string, error) {
	if k.signer == nil {
		return "", errNoKey
	}
	signed, err := note.Sign(&note.Note{Text: listening(text)}, k.signer)
	if err != nil {
		return "", fmt.Errorf("sign who has listened: %w", err)
	}
	return string(signed), nil
}

// Listening reports whether one of the keys has signed an entry with this text.
func (k Keys) Listening(text storage.Digest, signed string) bool {
	n, err := note.Open([]byte(signed), note.VerifierList(k.verifiers...))
	return err == nil && n.Text == listening(text)
}
