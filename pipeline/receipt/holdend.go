package receipt

import (
	"fmt"

	"golang.org/x/mod/sumdb/note"

	"github.com/vbcvault/vbcvault/storage"
)

// holdEnd is what is signed of the end of a hold: by the digests of both texts.
func holdEnd(hold, end storage.Digest) string {
	return fmt.Sprintf("vbcvault/hold-end\n%s\n%s\n", hold, end)
}

// SignHoldEnd signs that a hold has ended with just these words, by the digests of the
// texts of its making and of its end. It is kept with the hold: whoever can change the
// manifest's file, and doesn't have the key, can't end one.
func (k Key) SignHoldEnd(hold, end storage.Digest) (string, error) {
	if k.signer == nil {
		return "", errNoKey
	}
	signed, err := note.Sign(&note.Note{Text: holdEnd(hold, end)}, k.signer)
	if err != nil {
		return "", fmt.Errorf("sign the end of a hold: %w", err)
	}
	return string(signed), nil
}

// HoldEnd reports whether one of the keys has signed that a hold has ended with these
// words.
func (k Keys) HoldEnd(hold, end storage.Digest, signed string) bool {
	n, err := note.Open([]byte(signed), note.VerifierList(k.verifiers...))
	return err == nil && n.Text == holdEnd(hold, end)
}
