package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize/english"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
)

// Reload has the configuration read anew, soon. One that is bad changes nothing.
func (s *Service) Reload() {
	select {
	case s.reloads <- struct{}{}:
	default: // it is about to be
	}
}

// reload takes over the configuration as it is now. Work that is under way keeps what
// it began with. The error means that nothing can be worked any more.
func (s *Service) reload(ctx context.Context) error {
	s.notifier.Reloading()
	defer s.notifier.Ready()
	c, err := s.check(ctx)
	s.mu.Lock()
	s.bad = err
	was := s.config
	if err == nil {
		s.config = c
	}
	s.mu.Unlock()
	if err != nil {
		s.log.Error("the configuration is not taken over; the earlier one holds", "reason", err)
		return nil
	}
	s.log.Info("the configuration is taken over", "accounts", len(c.Accounts), "at_once", s.places().MaxWorkers)
	if names := s.keepSettings(); len(names) > 0 { // somebody may believe that delete: false holds for these too
		s.log.Warn("work in progress keeps the settings that it began with; vbcvault jobs cancel ends it, and vbcvault run begins it anew", "accounts", strings.Join(names, ", "))
	}
	if c.AccountsAtOnce != was.AccountsAtOnce {
		if err := s.newPlaces(ctx); err != nil {
			return err
		}
	}
	if s.hooks.Reloaded != nil {
		s.hooks.Reloaded(c)
	}
	return nil
}

// check reads the configuration, and refuses what only holds from a start on.
func (s *Service) check(ctx context.Context) (*config.Config, error) {
	if s.load == nil {
		return nil, errors.New("there is no file to read")
	}
	c, err := s.load(ctx)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	was := s.config
	s.mu.Unlock()
	switch {
	case c.StateDir != was.StateDir:
		return nil, errors.New("state-dir has changed, which needs a restart of vbcvault serve")
	case c.Database.URL != was.Database.URL:
		return nil, errors.New("database has changed, which needs a restart of vbcvault serve")
	case c.Service.Listen != was.Service.Listen:
		return nil, errors.New("listen has changed, which needs a restart of vbcvault serve")
	}
	if _, err := reportOf(c); err != nil {
		return nil, err
	}
	for _, a := range c.Accounts {
		for _, kind := range Kinds {
			if _, err := timetableOf(a, kind); err != nil {
				return nil, err
			}
		}
	}
	return c, nil
}

// keepSettings are the accounts whose work in progress began with another configuration.
func (s *Service) keepSettings() (names []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, one := range s.residents {
		if !one.over() {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// newPlaces gives River as many places as the configuration says. All slices end for
// that, and go on in the new places. One that waits for a transfer's end may take a while:
// that isn't being stuck, up to a limit.
func (s *Service) newPlaces(ctx context.Context) error {
	began := time.Now()
	removed := make(chan error, 1)
	go func() { removed <- s.queue.client.Queues().Remove(context.WithoutCancel(ctx), s.workQueue()) }()
	for {
		s.cut.give()
		select {
		case err := <-removed:
			if err == nil {
				err = s.queue.client.Queues().Add(s.workQueue(), s.places())
			}
			if err != nil {
				return fmt.Errorf("change the number of places: %w", err)
			}
			return nil
		case <-time.After(s.pauses.Poll): // a slice may have begun since
			if time.Since(began) < 2*s.pauses.Slice {
				s.notifier.Alive()
			}
		}
	}
}

// status says in one line what the service is doing.
func (s *Service) status(ctx context.Context, next time.Time) {
	s.mu.Lock()
	accounts, under, bad := len(s.config.Accounts), len(s.residents), s.bad
	s.mu.Unlock()
	line := fmt.Sprintf("%s; %d in progress", english.Plural(accounts, "account", ""), under)
	if waiting, err := s.queue.waiting(ctx); err == nil && waiting > 0 {
		line += fmt.Sprintf(", %d waiting", waiting)
	}
	if !next.IsZero() {
		line += "; next start " + stamp(next)
	}
	if bad != nil {
		line += "; the configuration was NOT taken over: " + bad.Error()
	}
	s.notifier.Status(line)
}
