package proof

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/vbcvault/vbcvault/pipeline/receipt"
)

// Format is the version of c2sp.org/tlog-proof in which proofs are written.
const Format = 1

const proofHeader = "c2sp.org/tlog-proof@v1"

// encodeProof writes an inclusion proof and the signed checkpoint that it is about as
// https://c2sp.org/tlog-proof says.
func encodeProof(p receipt.Inclusion, checkpoint []byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\nindex %d\n", proofHeader, p.Index)
	for _, h := range p.Path {
		fmt.Fprintf(&b, "%s\n", h)
	}
	b.WriteString("\n")
	b.Write(checkpoint)
	return b.Bytes()
}

var errNoProof = errors.New("it is not a proof in the form of c2sp.org/tlog-proof@v1")

// parseProof reads what encodeProof has written, and nothing that differs from it in
// a single byte.
func parseProof(text []byte) (p receipt.Inclusion, checkpoint []byte, err error) {
	head, checkpoint, ok := bytes.Cut(text, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	if !ok || len(lines) < 2 || lines[0] != proofHeader {
		return p, nil, errNoProof
	}
	index, ok := strings.CutPrefix(lines[1], "index ")
	if p.Index, err = strconv.ParseInt(index, 10, 64); err != nil || !ok {
		return p, nil, errNoProof
	}
	for _, line := range lines[2:] {
		h, err := tlog.ParseHash(line)
		if err != nil {
			return p, nil, errNoProof
		}
		p.Path = append(p.Path, h)
	}
	if !bytes.Equal(encodeProof(p, checkpoint), text) {
		return p, nil, errNoProof
	}
	return p, checkpoint, nil
}
