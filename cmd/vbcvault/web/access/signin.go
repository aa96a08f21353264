package access

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/state"
)

// ErrWrong says that there is no such user, or that the password is another one.
var ErrWrong = errors.New("the name or the password is wrong")

// ErrBusy says that too many people sign in at the same moment.
var ErrBusy = errors.New("too many people sign in at the moment")

// WaitError says that too many passwords were wrong.
type WaitError struct{ Until time.Time }

func (e *WaitError) Error() string { return "too many passwords were wrong" }

// Waits that follow wrong passwords. The first few have none, as people mistype. Those of
// a user are short, so that nobody is locked out by a stranger, and don't count where the
// user has signed in from before; those of an address, which may be a whole office's
// router, begin later and get longer.
func userWaits(count int) time.Duration    { return doubling(count-3, time.Second, time.Minute) }
func addressWaits(count int) time.Duration { return doubling(count-10, 2*time.Second, 5*time.Minute) }

func doubling(n int, first, most time.Duration) time.Duration {
	if n <= 0 {
		return 0
	}
	return min(first<<min(n-1, 20), most)
}

// nobody is the hash that is compared where there is no such user: it takes as long.
var nobody = sync.OnceValue(func() string {
	text, _ := secret()
	h, _ := NewPassword(text) // it is long enough
	return h
})

// patience is how long somebody waits for others who sign in.
const patience = 10 * time.Second

// SignIn signs a user in by a password. The error is ErrWrong, a *WaitError or ErrBusy if
// that can't be; nothing in it, nor how long it takes, says whether there is such a user.
func (g *Gate) SignIn(w http.ResponseWriter, r *http.Request, name, password string) error {
	ctx, from := r.Context(), g.From(r)
	name, fit := UserName(name)
	if !fit || len(password) > longest {
		name, password = "", "" // of nobody
	}
	u, err := g.state.User(ctx, name)
	there := err == nil
	if errors.Is(err, state.ErrNone) {
		u, err = state.User{Hash: nobody()}, nil
	}
	if err != nil {
		return err
	}
	shown := "unknown" // it may be a password that was typed into the wrong field
	if there {
		shown = name
	}
	throttles, err := g.throttles(ctx, name, there, throttled(from))
	if err != nil {
		return err
	}
	until, err := g.state.Try(ctx, g.now(), throttles...)
	if err != nil {
		return err
	}
	if !until.IsZero() {
		g.log.Warn("a sign-in was refused: too many passwords were wrong", "user", shown, "from", from, "until", until)
		return &WaitError{until}
	}
	ok, stale, err := g.compare(ctx, u.Hash, password)
	if err != nil {
		return err
	}
	if !ok || !there {
		g.log.Warn("a sign-in was refused: the name or the password is wrong", "user", shown, "from", from)
		return ErrWrong
	}
	err = g.begin(w, r, &state.Session{Person: "user:" + name, Name: name, Way: state.Password, Role: u.Role}, u.Hash)
	if errors.Is(err, state.ErrNone) { // changed or removed just now
		return ErrWrong
	}
	if err != nil {
		return err
	}
	if stale {
		if hash, err := NewPassword(password); err == nil {
			if err := g.state.Rehash(ctx, name, u.Hash, hash); err != nil {
				g.log.Warn("a password could not be kept in today's form", "user", name, "reason", err)
			}
		}
	}
	return g.state.Forgive(ctx, g.now(), name, userThrottle(name, true), throttled(from), addressThrottle(throttled(from)))
}

// throttles are those of a try. Where a user has signed in from before, strangers
// elsewhere don't count.
func (g *Gate) throttles(ctx context.Context, name string, there bool, from string) ([]state.Throttle, error) {
	all := []state.Throttle{{What: addressThrottle(from), Wait: addressWaits}}
	known, err := g.state.Knows(ctx, name, from)
	if !known {
		all = append(all, state.Throttle{What: userThrottle(name, there), Wait: userWaits})
	}
	return all, err
}

func addressThrottle(from string) string { return "from:" + from }

// userThrottle is a user's. Names that nobody has share some, so that there can't be too
// many.
func userThrottle(name string, there bool) string {
	if there {
		return "user:" + name
	}
	d := sha256.Sum256([]byte(name))
	return "nobody:" + hex.EncodeToString(d[:2])
}

// compare compares a password with a hash; few are compared at once, since each takes
// memory and time.
func (g *Gate) compare(ctx context.Context, hash, password string) (ok, stale bool, err error) {
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case g.hashing <- struct{}{}:
		defer func() { <-g.hashing }()
		ok, stale = matches(hash, password)
		return ok, stale, nil
	case <-limited.Done():
		return false, false, ErrBusy
	}
}

// Ways are how people can sign in besides one-time links: by passwords, if there are
// users, and by the provider, if there is one.
func (g *Gate) Ways(ctx context.Context) (passwords, provider bool, err error) {
	passwords, err = g.state.HasUsers(ctx)
	return passwords, g.using.Load().OIDC != nil, err
}
