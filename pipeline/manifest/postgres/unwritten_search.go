package postgres

import (
	"context"
	"iter"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/vbc"
)

func (m *Manifest) Catalogued(ctx context.Context, month manifest.Month) error {
	panic("not written yet")
}

func (m *Manifest) Count(ctx context.Context, q manifest.Query, by manifest.Grouping, zone *time.Location) (groups []manifest.Count, total manifest.Count, err error) {
	panic("not written yet")
}

func (m *Manifest) CountUpTo(ctx context.Context, q manifest.Query, limit int64) (n int64, more bool, err error) {
	panic("not written yet")
}

func (m *Manifest) DamagedCopies(ctx context.Context, limit int) ([]manifest.Row, error) {
	panic("not written yet")
}

func (m *Manifest) Failures(ctx context.Context, limit int) ([]manifest.Row, error) {
	panic("not written yet")
}

func (m *Manifest) Figures(ctx context.Context) (f manifest.Figures, err error) {
	panic("not written yet")
}

func (m *Manifest) Glances(ctx context.Context) iter.Seq2[manifest.Glance, error] {
	panic("not written yet")
}

func (m *Manifest) Index(ctx context.Context, all ...manifest.Spoken) error {
	panic("not written yet")
}

func (m *Manifest) Indexed(ctx context.Context) (has, lacks int64, err error) {
	panic("not written yet")
}

func (m *Manifest) MonthOf(ctx context.Context, at time.Time) (manifest.Month, error) {
	panic("not written yet")
}

func (m *Manifest) Months(ctx context.Context) ([]manifest.Month, error) {
	panic("not written yet")
}

func (m *Manifest) Of(ctx context.Context, month manifest.Month) iter.Seq2[manifest.Row, error] {
	panic("not written yet")
}

func (m *Manifest) PutOff(ctx context.Context, r manifest.Row, until time.Time) error {
	panic("not written yet")
}

func (m *Manifest) Scrub(ctx context.Context) error { panic("not written yet") }

func (m *Manifest) Search(ctx context.Context, q manifest.Query) iter.Seq2[manifest.Row, error] {
	panic("not written yet")
}

func (m *Manifest) StaleMonths(ctx context.Context) ([]manifest.Month, error) {
	panic("not written yet")
}

func (m *Manifest) Sums(ctx context.Context, member string) (map[string]float64, error) {
	panic("not written yet")
}

func (m *Manifest) Tallies(ctx context.Context) ([]manifest.Tally, error) {
	panic("not written yet")
}

func (m *Manifest) Unindexed(ctx context.Context, now time.Time) iter.Seq2[manifest.Row, error] {
	panic("not written yet")
}

func (m *Manifest) Unseen(ctx context.Context, kind vbc.Kind, owner string, run, since int64, from, until time.Time, matches func(vbc.Recording) bool) (n int64, err error) {
	panic("not written yet")
}
