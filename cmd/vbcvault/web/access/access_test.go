package access

import (
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A password is kept as Argon2id of OWASP's cost, with a salt of its own, and matches
// however a keyboard writes it.
func TestPasswords(t *testing.T) {
	t.Parallel()
	const password = "caf\u00e9 au lait, please"
	one, err := NewPassword(password)
	if err != nil {
		t.Fatal(err)
	}
	two, err := NewPassword(password)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(one, "$argon2id$v=19$m=19456,t=2,p=1$") || one == two {
		t.Errorf("%s %s", one, two)
	}
	for given, want := range map[string]bool{password: true, "cafe\u0301 au lait, please": true, password + " ": false, "": false, "Caf\u00e9 au lait, please": false} {
		if ok, stale := matches(one, given); ok != want || stale {
			t.Errorf("%q: %v, stale %v", given, ok, stale)
		}
	}
	older := cost{memory: 64, time: 1, lanes: 1}
	salt := []byte("0123456789abcdef")
	if ok, stale := matches(older.phc(salt, older.key(password, salt)), password); !ok || !stale {
		t.Errorf("a hash of another cost: %v, stale %v", ok, stale)
	}
	dear := cost{memory: 1 << 30, time: 2, lanes: 1}
	for _, hash := range []string{"", "x", "$argon2id$", one[:len(one)-1], strings.Replace(one, "argon2id", "argon2i", 1), strings.Replace(one, "v=19", "v=16", 1), dear.phc(salt, make([]byte, 32)),
		strings.Replace(one, "t=2", "t=0", 1), strings.Replace(one, "p=1", "p=0", 1), "$argon2id$v=19$m=19456,t=2,p=1$$"} {
		if ok, _ := matches(hash, password); ok {
			t.Errorf("%q is a hash of the password", hash)
		}
	}
	for _, bad := range []string{"", "short", strings.Repeat("x", 1025), "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"} {
		if _, err := NewPassword(bad); err == nil || bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("%q: %v", bad[:min(len(bad), 20)], err)
		}
	}
}

func TestUserNames(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{"alice": "alice", " Alice ": "alice", "alice@example.com": "alice@example.com", "a_b-c.d": "a_b-c.d", "": "", "terminal root": "", "-x": "", "аlice": "", "x\ny": "", strings.Repeat("x", 65): ""} {
		if got, ok := UserName(given); ok != (want != "") || ok && got != want {
			t.Errorf("%q: %q %v", given, got, ok)
		}
	}
}

// Waits grow, and have an end.
func TestWaits(t *testing.T) {
	t.Parallel()
	for name, wait := range map[string]func(int) time.Duration{"user": userWaits, "address": addressWaits} {
		last := time.Duration(0)
		for n := range 200 {
			d := wait(n)
			if d < last || d > 5*time.Minute {
				t.Fatalf("%s: %v after %d", name, d, n)
			}
			last = d
		}
		if wait(1) != 0 || wait(1<<40) != last || last < time.Minute {
			t.Errorf("%s: %v, %v, %v", name, wait(1), wait(1<<40), last)
		}
	}
}

// Of IPv6 a network counts as one address.
func TestThrottledAddresses(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{"192.0.2.1": "192.0.2.1", "2001:db8:1:2:3::4": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64", "unknown": "unknown"} {
		if got := throttled(given); got != want {
			t.Errorf("%s: %s, want %s", given, got, want)
		}
	}
}

// Roles have the rights that they have, and limits.
func TestRights(t *testing.T) {
	t.Parallel()
	var nobody *Viewer
	if nobody.May(See) || nobody.Sees("acme") {
		t.Error("nobody may see something")
	}
	for kind, may := range map[string]map[Right]bool{
		"auditor":    {See: true, Play: true, Download: true, Log: true, Hold: false, Release: false, Thaw: false, Admin: false},
		"supervisor": {See: true, Play: true, Download: false, Log: false, Oversee: false, Hold: false, Thaw: false, Admin: false},
		"holder":     {See: true, Hold: true, Release: true, Thaw: true, Download: true, Log: false, Admin: false},
		"admin":      {See: true, Admin: true, Log: true, Release: true},
		"":           {See: false, Play: false},
		"root":       {See: false, Admin: false},
	} {
		v := &Viewer{Role: Role{Kind: kind}}
		for r, want := range may {
			if v.May(r) != want {
				t.Errorf("%s may %s: %v", kind, r, !want)
			}
		}
	}
	now := time.Now()
	v := &Viewer{Role: Role{Kind: "supervisor", Accounts: []string{"acme"}, Extensions: []string{"101"}, MaxAge: time.Hour, Download: true}}
	if s := v.Scope(now); !v.May(Download) || !v.Sees("acme") || v.Sees("globex") || len(s.Extensions) != 1 || !s.Since.Equal(now.Add(-time.Hour)) {
		t.Errorf("%+v", s)
	}
}
