package layout

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// SidecarFormat is the format of sidecars.
const SidecarFormat = 1

// Sidecar is the JSON that lies beside each recording's audio. It alone says
// everything that was known of the recording, so that an archive can be read,
// and a manifest made anew, without anything else.
type Sidecar struct {
	Format      int             `json:"format"` // of this file: SidecarFormat
	Program     string          `json:"vbcvault"`
	Account     string          `json:"account"`
	Kind        vbc.Kind        `json:"kind"`
	Owner       string          `json:"owner,omitempty"`
	ContentType string          `json:"content_type"`
	Size        int64           `json:"size"` // bytes of the audio
	SHA256      storage.Digest  `json:"sha256"`
	ArchivedAt  time.Time       `json:"archived_at"` // UTC
	Recording   json.RawMessage `json:"recording,omitempty"`
}

// Encode writes the sidecar. The recording's JSON is spliced in as it came:
// an encoder would be free to rewrite it.
func (s Sidecar) Encode() ([]byte, error) {
	raw := s.Recording
	s.Recording = nil
	head, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("write sidecar: %w", err)
	}
	var b bytes.Buffer
	b.Write(head[:len(head)-1])
	b.WriteString(`,"recording":`)
	b.Write(raw)
	b.WriteString("}\n")
	return b.Bytes(), nil
}

// maxSidecar is how many bytes a sidecar may have: the recording's JSON, as large
// as package vbc takes it, and what surrounds it.
const maxSidecar = vbc.MaxRecording + 64<<10

// SameSidecar reports whether an object is a sidecar that says what
// want says, though perhaps at another time or by another version: that of an
// earlier attempt.
func SameSidecar(ctx context.Context, store storage.Store, o storage.Object, want Sidecar) bool {
	body, err := Read(ctx, store, o, maxSidecar)
	var has Sidecar
	if err != nil || json.Unmarshal(body, &has) != nil {
		return false
	}
	return has.Format == want.Format && has.Account == want.Account && has.Kind == want.Kind && has.Owner == want.Owner &&
		has.Size == want.Size && has.SHA256 == want.SHA256 && bytes.Equal(has.Recording, want.Recording)
}
