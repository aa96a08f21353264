package vbc

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// memory is a Memory as a program has it.
type memory struct {
	err error // of looking

	mu      sync.Mutex
	refused map[string]Refusal
}

func (m *memory) Refused(login string) (Refusal, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.refused[login]
	return r, ok && time.Now().Before(r.Until()), m.err
}

func (m *memory) SetRefused(login string, r Refusal) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.refused == nil {
		m.refused = map[string]Refusal{}
	}
	m.refused[login] = r
	return nil
}

func (m *memory) Forget(login string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.refused, login)
	return nil
}

// A refused login isn't sent again before the lock is over, whichever client does
// it; another password is.
func TestRefusedLoginIsRemembered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := vbctest.New(vbctest.Config{LockAfter: 1})
		a.Generate(1, time.Now().Add(-time.Hour), time.Hour)
		var kept memory
		with := func(password string) error {
			return listOnce(clientOf(t, a, func(o *Options) { o.Memory, o.Password = &kept, password }))
		}
		for range 3 {
			err := with("wrong")
			if e := authError(err); e == nil || e.Cause != RefusedUser || e.Until.IsZero() || strings.Contains(err.Error(), "wrong") {
				t.Errorf("%v", err)
			}
			time.Sleep(10 * time.Minute)
		}
		if n := a.Counts().ByKind[vbctest.Token]; n != 1 {
			t.Errorf("%d logins in half an hour", n)
		}
		time.Sleep(10 * time.Minute)
		if a.Locked() {
			t.Error("the user is still locked")
		}
		if err := with("correct horse"); err != nil {
			t.Errorf("another password: %v", err)
		}
		if err := with("wrong"); authError(err) == nil {
			t.Errorf("%v", err)
		}
		if n := a.Counts().ByKind[vbctest.Token]; n != 3 {
			t.Errorf("%d logins; after 35 minutes one more is right", n)
		}
		// The right password of a locked user: VBC says that it is locked.
		err := with("correct horse")
		if e := authError(err); e == nil || !e.Locked {
			t.Errorf("%v", err)
		}
		time.Sleep(LockLasts)
		if err := with("correct horse"); err != nil || len(kept.refused) != 1 {
			t.Errorf("%v; a login that works is remembered as refused: %d", err, len(kept.refused))
		}
	})
}

// Where nobody knows whether a login was refused before, it isn't tried.
func TestLoginWithoutMemoryIsNotTried(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := vbctest.New(vbctest.Config{})
		kept := memory{err: errors.New("connection refused")}
		err := listOnce(clientOf(t, a, func(o *Options) { o.Memory = &kept }))
		var unknown *MemoryError
		if n := a.Counts().ByKind[vbctest.Token]; !errors.As(err, &unknown) || !errors.Is(err, kept.err) || n != 0 {
			t.Errorf("%v after %d logins", err, n)
		}
	})
}

// Several machines begin with the same wrong password at once: while one waits for its
// turn another is refused, and then it isn't tried again.
func TestMachinesTryAPasswordOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := vbctest.New(vbctest.Config{LockAfter: 2})
		b := &board{}
		var kept memory
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				err := listOnce(clientOf(t, a, func(o *Options) {
					o.Memory, o.Password, o.Quota, o.Interval = &kept, "wrong", b, 6*time.Second
				}))
				if authError(err) == nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := a.Counts().ByKind[vbctest.Token]; n != 1 || a.Locked() {
			t.Errorf("%d logins; locked: %v", n, a.Locked())
		}
		b.over()
	})
}
