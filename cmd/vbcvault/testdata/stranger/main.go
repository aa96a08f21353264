// Stranger checks a proof for one recording by the documents alone: RFC 6962, RFC 8032,
// https://c2sp.org/signed-note, https://c2sp.org/tlog-proof and the manual's page on
// formats. It shares no code with the program that has written the proof: it imports
// nothing but Go's standard library.
//
//	stranger DIR KEY
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: stranger DIR KEY")
		os.Exit(2)
	}
	said, err := check(os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(said)
}

type object struct {
	Key    string
	Size   int64
	SHA256 string
}

type entry struct {
	Seq                        int64
	Chain, Type, At, Outcome   string
	Account, Kind, Owner       string
	ID                         int64
	Audio, Sidecar, Transcript *object
}

func check(dir, key string) (string, error) {
	name, hash, public, err := verifier(key)
	if err != nil {
		return "", err
	}
	files, err := filepath.Glob(filepath.Join(dir, "receipts", "*", "*.json"))
	if err != nil || len(files) == 0 {
		return "", errors.New("there are no receipts")
	}
	var all []entry
	for _, file := range files {
		e, err := included(file, name, hash, public)
		if err != nil {
			return "", fmt.Errorf("%s: %w", file, err)
		}
		all = append(all, e)
	}
	sort.SliceStable(all, func(i, j int) bool {
		return all[i].At < all[j].At && all[i].Chain != all[j].Chain || all[i].Chain == all[j].Chain && all[i].Seq < all[j].Seq
	})
	var of, vouches *entry
	var types []string
	erased := false
	for i := range all {
		e := &all[i]
		types = append(types, strings.TrimSpace(e.Type+" "+e.Outcome))
		if e.ID == 0 {
			continue
		}
		if of == nil {
			of = e
		}
		if e.ID != of.ID || e.Kind != of.Kind || e.Owner != of.Owner || e.Account != of.Account {
			return "", errors.New("the receipts are about several recordings")
		}
		switch e.Type {
		case "intent", "archived":
			vouches, erased = e, false
		case "outcome":
			if e.Audio != nil {
				vouches, erased = e, false
			}
		case "erased":
			erased = true
		}
	}
	if of == nil {
		return "", errors.New("no receipt is about a recording")
	}
	said := fmt.Sprintf("%d: %s", of.ID, strings.Join(types, ", "))
	if erased {
		return said, nil
	}
	if vouches == nil {
		return "", errors.New("nothing vouches for the copy")
	}
	for _, o := range []*object{vouches.Audio, vouches.Sidecar, vouches.Transcript} {
		if o == nil {
			continue
		}
		if err := same(filepath.Join(dir, filepath.Base(o.Key)), *o); err != nil {
			return "", err
		}
	}
	return said, nil
}

// same compares a file with what a receipt says.
func same(path string, o object) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return err
	}
	if n != o.Size || hex.EncodeToString(h.Sum(nil)) != o.SHA256 {
		return fmt.Errorf("%s is not what the receipt says", path)
	}
	return nil
}

// verifier reads a key: name+hash+base64.
func verifier(key string) (name string, hash uint32, public ed25519.PublicKey, err error) {
	parts := strings.SplitN(strings.TrimSpace(key), "+", 3)
	if len(parts) != 3 {
		return "", 0, nil, errors.New("it is no key")
	}
	raw, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(raw) != 33 || raw[0] != 1 {
		return "", 0, nil, errors.New("it is no Ed25519 key")
	}
	sum := sha256.Sum256(append([]byte(parts[0]+"\n"), raw...))
	hash = binary.BigEndian.Uint32(sum[:])
	if parts[1] != fmt.Sprintf("%08x", hash) {
		return "", 0, nil, errors.New("the key's hash is wrong")
	}
	return parts[0], hash, raw[1:], nil
}

// included checks one receipt, and that the signed log has it.
func included(file, name string, hash uint32, public ed25519.PublicKey) (e entry, err error) {
	line, err := os.ReadFile(file)
	if err != nil {
		return e, err
	}
	if err := json.Unmarshal(line, &e); err != nil {
		return e, err
	}
	proof, err := os.ReadFile(strings.TrimSuffix(file, ".json") + ".tlog-proof")
	if err != nil {
		return e, err
	}
	head, checkpoint, ok := strings.Cut(string(proof), "\n\n")
	lines := strings.Split(head, "\n")
	if !ok || len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return e, errors.New("it has no proof")
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[1], "index "), 10, 64)
	if err != nil {
		return e, err
	}
	beside, err := os.ReadFile(filepath.Join(filepath.Dir(file), "checkpoint"))
	if err != nil || string(beside) != checkpoint {
		return e, errors.New("its proof has another checkpoint than its log")
	}
	text, err := signed(checkpoint, name, hash, public)
	if err != nil {
		return e, err
	}
	tree := strings.Split(text, "\n")
	if len(tree) < 3 || tree[0] != "vbcvault/"+e.Chain {
		return e, errors.New("it is of another log than the checkpoint")
	}
	size, err := strconv.ParseInt(tree[1], 10, 64)
	if err != nil || e.Seq != index+1 || index >= size {
		return e, errors.New("its number is not that of the proof")
	}
	root, err := base64.StdEncoding.DecodeString(tree[2])
	if err != nil {
		return e, err
	}
	var path [][]byte
	for _, l := range lines[2:] {
		h, err := base64.StdEncoding.DecodeString(l)
		if err != nil || len(h) != sha256.Size {
			return e, errors.New("its proof has a line that is no digest")
		}
		path = append(path, h)
	}
	leaf := sha256.Sum256(append([]byte{0}, line...))
	has, err := rootOf(index, size, leaf[:], path)
	if err != nil || !bytes.Equal(has, root) {
		return e, errors.New("the log doesn't have it")
	}
	return e, nil
}

// rootOf goes down from the root as RFC 6962, section 2.1.1 defines the path, and
// comes back with what the root must be.
func rootOf(index, size int64, leaf []byte, path [][]byte) ([]byte, error) {
	if size == 1 {
		if len(path) > 0 {
			return nil, errors.New("the path is too long")
		}
		return leaf, nil
	}
	if len(path) == 0 {
		return nil, errors.New("the path is too short")
	}
	k := int64(1) // the largest power of two that is less than size
	for 2*k < size {
		k *= 2
	}
	top, rest := path[len(path)-1], path[:len(path)-1]
	if index < k {
		left, err := rootOf(index, k, leaf, rest)
		return node(left, top), err
	}
	right, err := rootOf(index-k, size-k, leaf, rest)
	return node(top, right), err
}

func node(left, right []byte) []byte {
	h := sha256.New()
	h.Write([]byte{1})
	h.Write(left)
	h.Write(right)
	return h.Sum(nil)
}

// signed is the text of a note that the key has signed.
func signed(note, name string, hash uint32, public ed25519.PublicKey) (string, error) {
	at := strings.LastIndex(note, "\n\n")
	if at < 0 {
		return "", errors.New("the checkpoint is not signed")
	}
	text := note[:at+1]
	for _, line := range strings.Split(strings.TrimSuffix(note[at+2:], "\n"), "\n") {
		by, sig, ok := strings.Cut(strings.TrimPrefix(line, "— "), " ")
		raw, err := base64.StdEncoding.DecodeString(sig)
		if !ok || by != name || err != nil || len(raw) != 4+ed25519.SignatureSize || binary.BigEndian.Uint32(raw) != hash {
			continue
		}
		if ed25519.Verify(public, []byte(text), raw[4:]) {
			return text, nil
		}
	}
	return "", errors.New("the key has not signed the checkpoint")
}
