package service

import (
	"fmt"
	"hash/fnv"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
)

// when reckons the starts of one account's work of one kind.
type when struct {
	text   string // says all that the starts depend on
	spec   cron.Schedule
	zone   *time.Location
	offset time.Duration // after each moment of the expression
}

// whenOf is when an account's work begins, nil if only when somebody asks.
func whenOf(a config.Account, kind Kind) (*when, error) {
	expression := kind.cron(a.Schedule)
	if expression == "" {
		return nil, nil
	}
	zone := a.Schedule.Zone
	if zone == nil {
		zone = time.UTC
	}
	spec, err := cron.ParseStandard(expression)
	if err != nil {
		return nil, fmt.Errorf("account %s: schedule of %s: %w", a.Name, kind, err)
	}
	var offset time.Duration
	if a.Schedule.Spread > 0 {
		h := fnv.New64a()
		_, _ = h.Write([]byte(a.Name + "/" + string(kind)))
		offset = time.Duration(h.Sum64() % uint64(a.Schedule.Spread))
	}
	return &when{text: fmt.Sprintf("%s %s +%s", expression, zone, offset), spec: spec, zone: zone, offset: offset}, nil
}

// after is the first start after a time, zero if there is none. A start that the
// spread has put off is still to come although its moment is over.
func (w *when) after(t time.Time) time.Time {
	next := w.spec.Next(t.Add(-w.offset).In(w.zone))
	if next.IsZero() {
		return next
	}
	return next.Add(w.offset)
}
