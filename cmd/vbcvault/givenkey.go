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

// givenKeys are the keys that a flag has been given, as keysIn reads each.
func givenKeys(what string, given []string) (verifiers []string, err error) {
	for _, one := range given {
		some, err := keysIn(what, one)
		if err != nil {
			return nil, err
		}
		verifiers = append(verifiers, some...)
	}
	return verifiers, nil
}

// givenKey is the first of the keys that somebody has given.
func givenKey(what, given string) (string, error) {
	some, err := keysIn(what, given)
	if err != nil {
		return "", err
	}
	return some[0], nil
}

// keysIn are the verifiers that somebody has given, at least one: as they are, or in a
// file, in which they may be lines among others, as in a letter. What is the flag or
// argument. A signing key that is given by mistake is shown nowhere.
func keysIn(what, given string) (verifiers []string, err error) {
	const hint = "run vbcvault audit --key where the manifest is, and give the line that it prints, as in vbcvault/…+1a2b3c4d+…, or a file with that line"
	if _, err := receipt.NewKeys(given); err == nil {
		return []string{strings.TrimSpace(given)}, nil
	}
	text, shown := given, given
	if file, err := os.Open(given); err == nil {
		defer file.Close()
		b, err := io.ReadAll(io.LimitReader(file, longestKeyFile))
		if err != nil {
			return nil, usagef(hint, "%s: %v", what, err)
		}
		text = string(b)
	} else if !errors.Is(err, fs.ErrNotExist) && !strings.Contains(given, "+") { // a key is too long for a name
		return nil, usagef(hint, "%s: %v", what, err)
	}
	for line := range strings.Lines(strings.TrimPrefix(text, "\ufeff")) { // which editors put before it
		if _, err := receipt.NewKeys(line); err == nil {
			verifiers = append(verifiers, strings.TrimSpace(line))
		}
	}
	if len(verifiers) > 0 {
		return verifiers, nil
	}
	if receipt.LooksSecret(text) {
		shown = "a signing key, which must stay secret,"
	}
	return nil, usagef(hint, "%s: %.80s is not a key, nor a file with one", what, shown)
}
