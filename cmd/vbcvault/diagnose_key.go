package main

import (
	"errors"

	"github.com/vbcvault/vbcvault/pipeline/archive"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
)

// diagnoseKey looks whether the key that signs a manifest's receipts can be had:
// without it no run begins.
func diagnoseKey(m manifest.Opened) storage.Finding {
	const check = "signing key"
	key, err := m.SigningKey()
	if missing, ok := errors.AsType[*manifest.KeyError](err); ok {
		f := found(check, err, "")
		f.Mend = archive.KeyHint(missing)
		return f
	}
	if err != nil {
		return found(check, err, "")
	}
	return found(check, nil, "receipts are signed with "+key.Verifier())
}
