package pipeline

import (
	"strings"
	"testing"
)

// However an address is written in JSON, what gives access is taken out of it, and
// what has no address that does stays as it is, byte for byte.
func TestSignaturesInAnyJSON(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{
		`{"a":"https://h/x?sig=secret"}`,
		`{"a":"https:\/\/h\/x?sig=secret"}`,
		`{"a":"https://h/x\u003fsig=secret"}`,
		`{"a":"https://h/x\u003Fsig\u003dsecret"}`,
		`{"a":"https://user:secret@h/x"}`,
		`{"a":"https://user:secret\u0040h/x"}`,
		`{"a":"\u0068ttps://h/x?a=1&\u0073ig=secret"}`,
		`{"a":[{"b":"http://h?token=secret#c"}]}`,
	} {
		if harmless := string(withoutSignatures([]byte(raw))); strings.Contains(harmless, "secret") {
			t.Errorf("%s stays %s", raw, harmless)
		}
	}
	for _, raw := range []string{
		`{"a":"https://h/x", "b" : 1.50,"c":"\u00e4 & < >"}`, `{"a":"https:\/\/h\/x?a=1"}`, `{"a":"doe@h","b":"what?"}`, `{"a":"C:\\x"}`,
	} {
		if kept := string(withoutSignatures([]byte(raw))); kept != raw {
			t.Errorf("%s becomes %s", raw, kept)
		}
	}
}
