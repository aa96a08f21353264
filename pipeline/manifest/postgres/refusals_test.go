//go:build unix

package postgres_test

import (
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres"
	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres/postgrestest"
)

// A login that one machine was refused with, all others know of, until it is forgotten or
// long ago.
func TestRefusedLoginsAreCommon(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	one, other := machine(t, db, 1), machine(t, db, 2)
	for i, l := range []postgres.RefusedLogin{
		{Salt: []byte("a"), Whose: []byte{1}, Digest: []byte{2}, Reason: "invalid\x00 grant", Locked: true},
		{Salt: []byte("b"), Whose: []byte{}, Digest: []byte{3}},
	} {
		if err := one.AddRefusedLogin(t.Context(), l, time.Hour); err != nil {
			t.Fatal(i, err)
		}
	}
	all, err := other.RefusedLogins(t.Context(), time.Hour)
	if err != nil || len(all) != 2 || string(all[1].Salt) != "a" || !all[1].Locked || all[1].Reason != "invalid\ufffd grant" || all[1].Age < 0 || all[1].Age > time.Minute {
		t.Errorf("%+v, %v", all, err)
	}
	if all, err := other.RefusedLogins(t.Context(), 0); err != nil || len(all) != 0 {
		t.Errorf("of no time at all: %+v, %v", all, err)
	}
	if err := other.ForgetRefusedLogins(t.Context(), [][]byte{[]byte("b"), []byte("c")}); err != nil {
		t.Fatal(err)
	}
	if all, err := one.RefusedLogins(t.Context(), time.Hour); err != nil || len(all) != 1 || string(all[0].Digest) != "\x02" {
		t.Errorf("%+v, %v", all, err)
	}
	if err := one.AddRefusedLogin(t.Context(), postgres.RefusedLogin{Salt: []byte("d"), Whose: []byte{}, Digest: []byte{}}, 0); err != nil {
		t.Fatal(err)
	}
	if all, err := one.RefusedLogins(t.Context(), time.Hour); err != nil || len(all) != 1 || string(all[0].Salt) != "d" {
		t.Errorf("those of long ago are there still: %+v, %v", all, err)
	}
}
