package s3store

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/vbcvault/vbcvault/storage"
)

// unseenFor is for how long an object that a PUT was answered for may still be
// invisible, on a server that doesn't promise to show it at once as Amazon's
// does. unseenPauses come before it is asked for again.
const unseenFor = 30 * time.Second

var unseenPauses = [...]time.Duration{time.Second, 2 * time.Second, 3 * time.Second}

// recently holds which keys this process has just written. It keeps as many as
// are written within unseenFor.
type recently struct {
	mu   sync.Mutex
	at   map[string]time.Time
	next time.Time // when it looks for what can be forgotten
}

func (r *recently) add(key string) {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.at == nil {
		r.at = map[string]time.Time{}
	}
	if now.After(r.next) {
		for k, t := range r.at {
			if now.Sub(t) > unseenFor {
				delete(r.at, k)
			}
		}
		r.next = now.Add(unseenFor)
	}
	r.at[key] = now
}

// drop forgets a key: it was erased.
func (r *recently) drop(key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.at, key)
}

func (r *recently) has(key string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	t, ok := r.at[key]
	return ok && time.Since(t) <= unseenFor
}

// patiently asks for an object, again where it is missing and was written by
// this process a moment ago. An object that is really gone costs that time once.
func (s *Store) patiently(ctx context.Context, key string, ask func() error) error {
	err := ask()
	for _, d := range s.pauses {
		if !s.foreign || !errors.Is(err, storage.ErrNotFound) || !s.recent.has(key) {
			return err
		}
		s.log.Debug("the destination doesn't show an object that was just stored; asking again", "key", key)
		t := time.NewTimer(d)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return context.Cause(ctx)
		}
		err = ask()
	}
	return err
}
