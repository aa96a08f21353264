package storage_test

import (
	"strings"
	"testing"

	"github.com/vbcvault/vbcvault/storage"
)

func TestCheckKey(t *testing.T) {
	for _, key := range []string{
		"a", "a/b.mp3", "account=549825/kind=company/year=2026/month=05/day=12/20260512T101500Z_193228.mp3",
		"user=ümläut/x", strings.Repeat("x", 255), strings.Repeat("x/", 449) + "x",
	} {
		if err := storage.CheckKey(key); err != nil {
			t.Errorf("%q: %v", key, err)
		}
	}
	for _, key := range []string{
		"", ".", "..", "/a", "a/", "a//b", "./a", "a/../b", "../a", "a/..", `a\b`, "a\x00b", "a\nb", "c:x", "a*", "a?", `"a"`, "\xff",
		".vbcvault-probe", "a/.vbcvault-tmp-1", strings.Repeat("x", 256), strings.Repeat("x/", 450) + "x",
	} {
		if err := storage.CheckKey(key); err == nil {
			t.Errorf("%.40q is accepted", key)
		}
	}
}

func TestDigestText(t *testing.T) {
	d := storage.SumOf([]byte("x"))
	back, err := storage.ParseDigest(d.String())
	if err != nil || back != d {
		t.Errorf("got %s, %v; want %s", back, err, d)
	}
	for _, s := range []string{"", "00", d.String() + "00", strings.Repeat("g", 64), d.String()[:63]} {
		if _, err := storage.ParseDigest(s); err == nil {
			t.Errorf("%q is accepted", s)
		}
	}
	var unknown storage.Digest
	if b, err := unknown.MarshalText(); err != nil || len(b) != 0 {
		t.Errorf("unknown digest: %q, %v", b, err)
	}
	if err := back.UnmarshalText(nil); err != nil || !back.IsZero() {
		t.Errorf("empty text: %s, %v", back, err)
	}
}
