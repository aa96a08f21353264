package pipeline

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"
)

// signatures are the parameters of addresses that give whoever has them access to
// what lies there: those of presigned addresses, and tokens.
var signatures = map[string]bool{
	"x-amz-signature": true, "x-amz-security-token": true, "x-amz-credential": true,
	"x-goog-signature": true, "x-goog-credential": true,
	"signature": true, "sig": true, "hmac": true,
	"token": true, "access_token": true, "auth_token": true, "id_token": true, "jwt": true, "api_key": true, "apikey": true,
}

// removed takes a signature's place.
const removed = "removed"

// withoutSignatures is JSON of VBC's as it came, save that addresses in it give
// nobody access any more: what is stored may be locked for years, and be read by
// others than those who may read recordings at VBC.
func withoutSignatures(raw json.RawMessage) json.RawMessage {
	if !bytes.ContainsAny(raw, `?@\`) {
		return raw // nowhere is there what begins a query or ends a user's name, nor could it be escaped
	}
	var out []byte
	at := 0 // what comes before is in out
	d := json.NewDecoder(bytes.NewReader(raw))
	for {
		before := d.InputOffset()
		token, err := d.Token()
		if err != nil {
			break // at its end, mostly
		}
		text, ok := token.(string)
		if !ok {
			continue
		}
		if harmless := unsigned(text); harmless != text {
			end := int(d.InputOffset())
			begin := int(before) + bytes.IndexByte(raw[before:end], '"')
			var b bytes.Buffer
			e := json.NewEncoder(&b)
			e.SetEscapeHTML(false)
			if e.Encode(harmless) != nil || begin < at {
				return raw
			}
			out = append(append(out, raw[at:begin]...), bytes.TrimSuffix(b.Bytes(), []byte("\n"))...)
			at = end
		}
	}
	if at == 0 {
		return raw
	}
	return append(out, raw[at:]...)
}

// unsigned is an address without what gives access; any other text as it is.
func unsigned(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return text
	}
	changed := false
	if u.User != nil {
		u.User, changed = nil, true
	}
	parts := strings.Split(u.RawQuery, "&")
	for i, part := range parts {
		name, value, _ := strings.Cut(part, "=")
		if plain, err := url.QueryUnescape(name); err == nil && signatures[strings.ToLower(plain)] && value != removed {
			parts[i], changed = name+"="+removed, true
		}
	}
	if !changed {
		return text
	}
	u.RawQuery = strings.Join(parts, "&")
	return u.String()
}
