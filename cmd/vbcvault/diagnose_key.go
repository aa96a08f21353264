package main

import (
	"errors"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/storage"
)

// diagnoseKey looks whether the key that signs a manifest's receipts can be had:
// without it no run begins.
func diagnoseKey(m *sqlite.Manifest) storage.Finding {
	const check = "signing key"
	key, err := m.SigningKey()
	if missing, ok := errors.AsType[*manifest.KeyError](err); ok {
		f := found(check, err, "")
		f.Mend = "put this file back from a backup of the manifest (there it is FILE.key), or set VBCVAULT_SIGNING_KEY_FILE; " +
			"the key is " + missing.Verifier + "; if it is lost: vbcvault help evidence"
		return f
	}
	if err != nil {
		return found(check, err, "")
	}
	return found(check, nil, "receipts are signed with "+key.Verifier())
}
