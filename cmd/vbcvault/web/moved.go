package web

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/vbcvault/vbcvault/storage"
)

// settled is a store of which an object may be read that isn't the one that was written,
// and holds the very same: of an archive that was copied to another bucket, ETags and
// versions are others.
type settled struct {
	storage.Store
	page *Server
}

// OpenRange reads what is known. Where the store has another object by now, that is read
// if the store proves that its content is the same.
func (s *settled) OpenRange(ctx context.Context, o storage.Object, off, n int64) (io.ReadCloser, error) {
	if has, ok := s.page.moved.find(s.String(), o); ok {
		o = has
	}
	body, err := s.Store.OpenRange(ctx, o, off, n)
	if !errors.Is(err, storage.ErrChanged) && !(errors.Is(err, storage.ErrNotFound) && o.VersionID != "") || !o.Proven() {
		return body, err
	}
	has, statErr := s.Stat(ctx, storage.Object{Key: o.Key, Content: o.Content, Checksum: o.Checksum})
	if statErr != nil || has.Content != o.Content {
		return nil, err
	}
	has.Seen = "" // it says that a file is the very one, and its time may change
	s.page.moved.add(s.String(), has)
	return s.Store.OpenRange(ctx, has, off, n)
}

// String tells stores apart.
func (s *settled) String() string {
	if d, ok := s.Store.(storage.Destination); ok {
		return d.String()
	}
	return ""
}

// moved remembers such objects, so that the store is asked once for each.
type moved struct {
	mu  sync.Mutex
	all map[movedKey]storage.Object
}

type movedKey struct {
	store, key string
	content    storage.Content
}

const mostMoved = 1000

func (m *moved) find(store string, o storage.Object) (storage.Object, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	has, ok := m.all[movedKey{store, o.Key, o.Content}]
	return has, ok
}

func (m *moved) add(store string, o storage.Object) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.all == nil || len(m.all) >= mostMoved {
		m.all = map[movedKey]storage.Object{}
	}
	m.all[movedKey{store, o.Key, o.Content}] = o
}
