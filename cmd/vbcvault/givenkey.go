package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/vbcvault/vbcvault/pipeline/receipt"
)

const longestKeyFile = 64 << 10 // bytes

// givenKeys are the keys that a flag has been given, as givenKey reads each.
func givenKeys(what string, given []string) (verifiers []string, err error) {
	for _, one := range given {
		verifier, err := givenKey(what, one)
		if err != nil {
			return nil, err
		}
		verifiers = append(verifiers, verifier)
	}
	return verifiers, nil
}

// givenKey is the verifier that somebody has given: as it is, or in a file, in which
// it may be one line among others, as in a letter. What is the flag or argument. A
// signing key that is given by mistake is shown nowhere.
func givenKey(what, given string) (string, error) {
	const hint = "run vbcvault audit --key where the manifest is, and give the line that it prints, as in vbcvault/…+1a2b3c4d+…, or a file with that line"
	if _, err := receipt.NewKeys(given); err == nil {
		return strings.TrimSpace(given), nil
	}
	text, shown := given, given
	if file, err := os.Open(given); err == nil {
		defer file.Close()
		b, err := io.ReadAll(io.LimitReader(file, longestKeyFile))
		if err != nil {
			return "", usagef(hint, "%s: %v", what, err)
		}
		text = string(b)
	} else if !errors.Is(err, fs.ErrNotExist) && !strings.Contains(given, "+") { // a key is too long for a name
		return "", usagef(hint, "%s: %v", what, err)
	}
	for line := range strings.Lines(strings.TrimPrefix(text, "\ufeff")) { // which editors put before it
		if _, err := receipt.NewKeys(line); err == nil {
			return strings.TrimSpace(line), nil
		}
	}
	if receipt.LooksSecret(text) {
		shown = "a signing key, which must stay secret,"
	}
	return "", usagef(hint, "%s: %.80s is not a key, nor a file with one", what, shown)
}
