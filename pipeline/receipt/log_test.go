package receipt

import (
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

func linesOf(n int) (lines [][]byte) {
	for i := range n {
		lines = append(lines, fmt.Appendf(nil, "line %d", i))
	}
	return lines
}

func each(lines [][]byte) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for _, line := range lines {
			if !yield(line, nil) {
				return
			}
		}
	}
}

// plain is RFC 6962's definition, word for word.
func plain(lines [][]byte) Root {
	switch n := len(lines); n {
	case 0:
		return Tree{}.Root()
	case 1:
		return tlog.RecordHash(lines[0])
	default:
		k := 1
		for 2*k < n {
			k *= 2
		}
		return tlog.NodeHash(plain(lines[:k]), plain(lines[k:]))
	}
}

func TestTreeAndProofs(t *testing.T) {
	t.Parallel()
	lines := linesOf(70)
	var tree Tree
	for n := range len(lines) + 1 {
		if tree.Root() != plain(lines[:n]) {
			t.Fatalf("the root of %d lines is %s", n, tree.Root())
		}
		written, err := tree.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		var read Tree
		if err := read.UnmarshalJSON(written); err != nil || read.Root() != tree.Root() || read.Size() != tree.Size() {
			t.Fatalf("%s is read as %+v, %v", written, read, err)
		}
		if n < len(lines) {
			older := tree
			tree.Add(lines[n])
			if older.Size() != int64(n) || older.Root() != plain(lines[:n]) {
				t.Fatalf("a copy has changed with its original, at %d", n)
			}
		}
		for seq := 1; seq <= n; seq++ {
			proofs, of, err := Prove(each(lines), int64(n), int64(seq))
			if err != nil || of.Root() != plain(lines[:n]) {
				t.Fatal(err)
			}
			c := Checkpoint{"x", int64(n), plain(lines[:n])}
			if err := proofs[0].Check(c, lines[seq-1]); err != nil {
				t.Fatalf("entry %d of %d: %v", seq, n, err)
			}
			if err := proofs[0].Check(c, []byte("another")); !errors.Is(err, ErrNotIncluded) {
				t.Fatalf("another line is entry %d of %d: %v", seq, n, err)
			}
		}
	}
	if _, _, err := Prove(each(lines[:3]), 4, 1); err == nil {
		t.Error("a log that is too short has a proof")
	}
}

func TestSignedCheckpoint(t *testing.T) {
	t.Parallel()
	key, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseKey(key.Secret() + "\n")
	if err != nil || again.Verifier() != key.Verifier() {
		t.Fatalf("%v, %v", again, err)
	}
	var tree Tree
	tree.Add([]byte("a line"))
	c := CheckpointOf("CHAIN", tree)
	signed, err := key.Sign(c)
	if err != nil {
		t.Fatal(err)
	}
	if twice, err := again.Sign(c); err != nil || string(twice) != string(signed) {
		t.Errorf("signed twice it is %s and %s, %v", signed, twice, err)
	}
	keys, err := NewKeys(key.Verifier()+"\n", key.Verifier())
	if err != nil {
		t.Fatal(err)
	}
	if got, by, err := keys.Open(signed); err != nil || got != c || by != key.Verifier() || got.Chain() != "CHAIN" {
		t.Errorf("%+v by %s, %v", got, by, err)
	}
	for _, form := range []string{string(signed), c.Text(), c.String()} {
		if got, err := ParseCheckpoint(form); err != nil || got != c {
			t.Errorf("%q is read as %+v, %v", form, got, err)
		}
	}
	other, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := other.Sign(c)
	if err != nil {
		t.Fatal(err)
	}
	longer := CheckpointOf("CHAIN", tree)
	longer.Size++
	for what, text := range map[string][]byte{
		"of an unknown key": foreign, "changed": []byte(strings.Replace(string(signed), "\n1\n", "\n2\n", 1)), "unsigned": []byte(c.Text()), "nothing": nil,
		"signed by another in its name": []byte(longer.Text() + string(signed[len(c.Text()):])),
	} {
		if _, _, err := keys.Open(text); !errors.Is(err, ErrUnsigned) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if SignerOf(signed) == "" || !keys.HasName(SignerOf(signed)) || keys.HasName(SignerOf(foreign)) {
		t.Errorf("signed by %s and %s", SignerOf(signed), SignerOf(foreign))
	}
}

// Nothing prints the secret.
func TestKeyIsNotPrinted(t *testing.T) {
	t.Parallel()
	key, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	for _, form := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(form, key); strings.Contains(text, key.Secret()) || !strings.Contains(text, key.Verifier()) {
			t.Errorf("%s: %s", form, text)
		}
		if text := fmt.Sprintf(form, struct{ of Key }{key}); strings.Contains(text, key.Secret()) {
			t.Errorf("%s of what has it: %s", form, text)
		}
	}
	if _, err := ParseKey(key.Secret() + "x"); err == nil || strings.Contains(err.Error(), key.Secret()) {
		t.Errorf("%v", err)
	}
	for _, given := range []string{key.Secret(), key.Secret() + "x", key.Secret()[:70]} {
		if _, err := NewKeys(given); err == nil || strings.Contains(err.Error(), "PRIVATE") {
			t.Errorf("given as a verifier: %v", err)
		}
	}
	for _, bad := range []string{"", "PRIVATE+KEY+", key.Verifier(), "\x00"} {
		if _, err := ParseKey(bad); err == nil {
			t.Errorf("%q is a key", bad)
		}
	}
}
