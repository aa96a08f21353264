package config

import (
	"errors"
	"strings"
	"testing"
)

// secretPlaces are files with a place for what somebody writes instead of a reference.
var secretPlaces = []string{
	strings.Replace(least, "{env: P}", "%s", 1),
	least + "    signing-key: %s\n",
	least + "    s3: {region: eu-central-1, access-key-id: %s}\n",
	least + "    s3:\n      secret-access-key: %s\n",
	least + "notify: {x: {webhook: {url: %s}}}\n",
	least + "notify:\n  x:\n    email:\n      password: %s\n",
	least + "notify: {x: {webhook: %s}}\n",
	"defaults:\n  vbc:\n    client-secret: %s\n" + least,
}

// FuzzLoad reads whatever somebody may have written: it never panics, what is wrong has
// a line and a way to mend it, and what stands in a secret's place is never shown.
func FuzzLoad(f *testing.F) {
	f.Add(whole, "", "", uint8(0))
	f.Add(least, "{env: ", "}", uint8(1))
	f.Add("a: &a [*a]\n", "*", "", uint8(2))
	f.Add("? {a: b}\n: c\n", "!", "", uint8(3))
	f.Add("a:\n\t- b\n---\n", "{file: '", "'}", uint8(4))
	f.Add("\ufeff{accounts: {acme: {delete: !!binary x}}}", "{", ": x}", uint8(5))
	f.Add("accounts: {<<: {x: 1}}", `{exec: ["`, `"]}`, uint8(6))
	f.Add("notify: {x: {command: []}}", "{exec: [/bin/", ", 'x']}", uint8(0))
	f.Add("x: {y: z, y: z}", "pass,", ",word", uint8(0))
	f.Add("service: {listen: 0x}", "|+ ", " #", uint8(1))
	f.Fuzz(func(t *testing.T, text, before, after string, where uint8) {
		mustTell(t, text)
		if strings.ContainsAny(before+after, "\r\n\u0085\u2028\u2029") {
			return // what follows isn't in the secret's place
		}
		// Deep in brackets of one's own, it's no place for one either.
		if strings.ContainsAny(before+after, "[]{}") && !balanced(before+after) {
			return
		}
		const secret = "kT7-hunter2-Zq"
		said := mustTell(t, strings.Replace(secretPlaces[int(where)%len(secretPlaces)], "%s", before+secret+after, 1))
		if strings.Contains(said, "hunter2") {
			t.Errorf("the secret is shown: %s", said)
		}
	})
}

// balanced reports whether no bracket is closed that was not opened here.
func balanced(s string) bool {
	open := 0
	for _, c := range s {
		switch c {
		case '[', '{':
			open++
		case ']', '}':
			open--
		}
		if open < 0 {
			return false
		}
	}
	return open == 0 && !strings.ContainsAny(s, `"'`)
}

// mustTell reads a file and says what is said of it.
func mustTell(t *testing.T, text string) string {
	c, err := Parse("/x/vbcvault.yaml", []byte(text), someFlags)
	if err == nil {
		if c == nil || len(c.Accounts) == 0 {
			t.Fatal("a file without accounts is read")
		}
		return ""
	}
	wrong, ok := errors.AsType[*Error](err)
	if !ok || len(wrong.Mistakes) == 0 {
		t.Fatalf("%T", err)
	}
	for _, m := range wrong.Mistakes {
		if m.Wrong == "" || m.Mend == "" || m.Line == 0 && !strings.Contains(m.Wrong, "MiB") {
			t.Errorf("%+v of %q", m, text)
		}
		if strings.ContainsAny(m.String(), "\n\r\x1b\x00") {
			t.Errorf("it breaks the line: %q", m.String())
		}
	}
	return err.Error()
}
