package layout

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/vbcvault/vbcvault/storage"
)

// Names beside a key end with so many digits of the SHA-256 of what is there, by
// which it is known: a few, and where these are another's, all of them. Where VBC
// sends other bytes each time, nobody knows the digest before the name is chosen;
// FreeDigits are of an earlier one, and say nothing about what is there.
const (
	FewDigits  = 8
	FreeDigits = 16
	AllDigits  = 64
)

var besideForm = regexp.MustCompile(`-([0-9a-f]{8}|[0-9a-f]{16}|[0-9a-f]{64})\.[a-z0-9]{1,10}$`)

// IsBeside reports whether a key of a recording's is one of those that Beside
// and BesideBy make.
func IsBeside(key string) bool { return besideForm.MatchString(key) }

// DigitsIn are the digits in a key that its content's digest must begin with, "" if
// there are none.
func DigitsIn(key string) string {
	m := besideForm.FindStringSubmatch(key)
	if m == nil || len(m[1]) == FreeDigits {
		return ""
	}
	return m[1]
}

// Beside is the key for a copy whose own key holds something that stays.
func Beside(key string, sum storage.Digest) string { return BesideBy(key, sum, FewDigits) }

// BesideBy is such a key with so many digits.
func BesideBy(key string, sum storage.Digest, digits int) string {
	dot := strings.LastIndexByte(key, '.')
	return fmt.Sprintf("%s-%s%s", key[:dot], sum.String()[:digits], key[dot:])
}

// PutBeside puts what is in memory under its key, or where that holds something
// that stays, beside it. stays says of put's errors whether it is that.
func PutBeside(key string, sum storage.Digest, stays func(error) bool, put func(key string) (storage.Object, error)) (storage.Object, error) {
	o, err := put(key)
	for _, digits := range []int{FewDigits, AllDigits} {
		if err == nil || !stays(err) {
			break
		}
		o, err = put(BesideBy(key, sum, digits))
	}
	return o, err
}
