package web

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"sync"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

const (
	pageOf    = 50   // calls on a page
	countUpTo = 1000 // that are counted one by one

	// Whoever looks for calls waits so long at most, and so long for their number. What
	// takes longer is said, and can be made smaller.
	searchTakes = 8 * time.Second
	countTakes  = 2 * time.Second

	atOnce = 4 // accounts that are asked at the same time
)

// found is a call that was found, and whether a hold covers it.
type found struct {
	manifest.Row
	Account string // name, as the configuration has it
	Held    bool
}

// findings are a page of calls.
type findings struct {
	Calls []found
	Next  *cursor // nil: these are the last
	N     int64   // of all that are selected, where it is known
	More  bool    // there are more than N

	// Accounts that aren't in it: their manifests can't be read, or it takes too long.
	Unreadable, Slow []string
}

// part is what one account has answered.
type part struct {
	calls []found
	err   error
}

// find asks accounts for a page of calls behind a cursor, nil = the first one. Each is
// asked with what limits whoever looks. What one can't answer is named, and doesn't
// keep the others from being shown.
func (s *Server) find(ctx context.Context, vaults []*Vault, q manifest.Query, after *cursor) (f findings) {
	q.Limit = pageOf + 1
	slow, cancel := context.WithTimeout(ctx, s.searchTakes)
	defer cancel()
	for i, p := range each(vaults, func(v *Vault) part { return v.page(slow, q, after) }) {
		switch {
		case p.err == nil:
			f.Calls = append(f.Calls, p.calls...)
		case errors.Is(p.err, fs.ErrNotExist): // no run has made a manifest yet: there are no calls
		case slow.Err() != nil:
			f.Slow = append(f.Slow, vaults[i].Name)
		default:
			s.log.Error("a manifest can't be searched", "account", vaults[i].Name, "reason", p.err)
			f.Unreadable = append(f.Unreadable, vaults[i].Name)
		}
	}
	slices.SortFunc(f.Calls, newer)
	if len(f.Calls) > pageOf {
		f.Calls = f.Calls[:pageOf]
		last := cursorOf(f.Calls[pageOf-1])
		f.Next = &last
	}
	f.N, f.More = int64(len(f.Calls)), f.Next != nil
	if f.More || after != nil {
		s.countFound(ctx, vaults, q, &f)
	}
	return f
}

// page is one account's part of a page.
func (v *Vault) page(ctx context.Context, q manifest.Query, after *cursor) (p part) {
	m, err := v.Manifest(ctx)
	if err != nil {
		return part{err: err}
	}
	if after != nil {
		q.After = after.after(v.Name)
	}
	holds, err := m.Holds(ctx)
	if err != nil {
		return part{err: err}
	}
	for r, err := range m.Search(ctx, q) {
		if err != nil {
			return part{err: err}
		}
		_, held := manifest.Covering(holds, r)
		p.calls = append(p.calls, found{Row: r, Account: v.Name, Held: held})
	}
	return p
}

// countFound counts what all accounts have, as far as that is quick: else N are known of,
// and More says that there are others.
func (s *Server) countFound(ctx context.Context, vaults []*Vault, q manifest.Query, f *findings) {
	ctx, cancel := context.WithTimeout(ctx, s.countTakes)
	defer cancel()
	type counted struct {
		n    int64
		more bool
		err  error
	}
	var n int64
	var more bool
	for _, c := range each(vaults, func(v *Vault) (c counted) {
		m, err := v.Manifest(ctx)
		if err == nil {
			c.n, c.more, err = m.CountUpTo(ctx, q, countUpTo)
		}
		c.err = err
		return c
	}) {
		if c.err != nil && !errors.Is(c.err, fs.ErrNotExist) {
			f.More = true // at least those that are shown
			return
		}
		n, more = n+c.n, more || c.more
	}
	f.N, f.More = min(n, countUpTo), more || n > countUpTo
}

// each asks all vaults, some at once, and returns their answers in the same order.
func each[T any](vaults []*Vault, ask func(*Vault) T) []T {
	answers := make([]T, len(vaults))
	turn := make(chan struct{}, atOnce)
	var wg sync.WaitGroup
	for i, v := range vaults {
		turn <- struct{}{}
		wg.Go(func() {
			defer func() { <-turn }()
			answers[i] = ask(v)
		})
	}
	wg.Wait()
	return answers
}
