package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest/place"
	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// sharing is what a client shares with all that use the same database: its group's quota,
// as a vbc.SharedQuota, and refused logins, as a vbc.Memory. Nothing is asked of the
// database before it is needed.
type sharing struct {
	database string // its address
	group    string
	options  place.Options

	mu     sync.Mutex
	common *postgres.Common // nil: not opened yet
	closed bool
	known  map[storage.Digest]bool // whether entries are of logins, by both: it is slow to find out
}

// shares has a client share what it can with others that use the manifest's database.
func (a surroundings) shares(o *vbc.Options, manifest string) error {
	group, err := a.setting("VBCVAULT_QUOTA_GROUP")
	if err != nil {
		return err
	}
	s := &sharing{database: place.Database(manifest), group: cmp.Or(group, groupOf(*o)), options: a.unsigned()}
	o.Quota, o.Memory = s, s
	return nil
}

// groupOf is the group of all clients with the same application, unless somebody has
// named another: VBC counts its requests, and nothing else is known of that.
func groupOf(o vbc.Options) string {
	address := strings.TrimRight(strings.ToLower(cmp.Or(o.URL, vbc.DefaultURL)), "/")
	sum := sha256.Sum256([]byte(address + "\x00" + o.ClientID))
	return "client-" + hex.EncodeToString(sum[:8])
}

// open opens what all share, once.
func (s *sharing) open(ctx context.Context) (*postgres.Common, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, context.Canceled
	}
	var err error
	if s.common == nil {
		s.common, err = place.Common(ctx, s.database, s.options)
	}
	return s.common, err
}

// Close closes it. vbc.Client.Close calls it.
func (s *sharing) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.common == nil {
		return nil
	}
	err := s.common.Close()
	s.common = nil
	return err
}

// Change implements vbc.SharedQuota.
func (s *sharing) Change(ctx context.Context, change func(string, time.Time) string) error {
	common, err := s.open(ctx)
	if err != nil {
		return err
	}
	return common.Quota(s.group).Change(ctx, change)
}

// How long the database is asked about refused logins, and how often, where it can't be
// reached.
const (
	askedFor   = 10 * time.Second
	askedEvery = 500 * time.Millisecond
)

// ask asks the database, again where that fails.
func (s *sharing) ask(do func(context.Context, *postgres.Common) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), askedFor)
	defer cancel()
	for {
		common, err := s.open(ctx)
		if err == nil {
			err = do(ctx, common)
		}
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(askedEvery):
		}
	}
}

// refusals are the entries of a login, with its salt each.
func (s *sharing) refusals(login string) (its []postgres.RefusedLogin, salts [][]byte, err error) {
	var all []postgres.RefusedLogin
	err = s.ask(func(ctx context.Context, c *postgres.Common) (err error) {
		all, err = c.RefusedLogins(ctx, vbc.LockLasts)
		return err
	})
	for _, l := range all {
		if s.is(l, login) {
			its, salts = append(its, l), append(salts, l.Salt)
		}
	}
	return its, salts, err
}

// is reports whether an entry is of a login.
func (s *sharing) is(l postgres.RefusedLogin, login string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	both := storage.SumOf(append(slices.Clone(l.Salt), login...))
	is, known := s.known[both]
	if !known {
		is = refusedLogin{Salt: l.Salt, Whose: l.Whose, Digest: l.Digest}.is(login)
		if s.known == nil {
			s.known = map[storage.Digest]bool{}
		}
		s.known[both] = is
	}
	return is
}

// Refused implements vbc.Memory: the latest counts. How long ago it was, the database's
// clock says; this machine's may be another.
func (s *sharing) Refused(login string) (vbc.Refusal, bool, error) {
	its, _, err := s.refusals(login)
	if err != nil || len(its) == 0 {
		return vbc.Refusal{}, false, err
	}
	return vbc.Refusal{At: time.Now().Add(-its[0].Age), Reason: its[0].Reason, Locked: its[0].Locked}, true, nil
}

// SetRefused implements vbc.Memory.
func (s *sharing) SetRefused(login string, r vbc.Refusal) (err error) {
	l := postgres.RefusedLogin{Salt: make([]byte, 16), Reason: r.Reason, Locked: r.Locked}
	if _, err := rand.Read(l.Salt); err != nil {
		return err
	}
	l.Whose = hint(login, l.Salt)
	if l.Digest, err = digestOf(login, l.Salt); err != nil {
		return err
	}
	return s.ask(func(ctx context.Context, c *postgres.Common) error { return c.AddRefusedLogin(ctx, l, vbc.LockLasts) })
}

// Forget implements vbc.Memory.
func (s *sharing) Forget(login string) error {
	_, salts, err := s.refusals(login)
	if err != nil || len(salts) == 0 {
		return err
	}
	return s.ask(func(ctx context.Context, c *postgres.Common) error { return c.ForgetRefusedLogins(ctx, salts) })
}
