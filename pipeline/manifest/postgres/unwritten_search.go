package postgres

import (
	"context"
	"iter"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/vbc"
)

func (m *Manifest) AcknowledgeTroubles(ctx context.Context, name, why string) (known []manifest.Trouble, err error) {
	panic("not written yet")
}

func (m *Manifest) Ahead(ctx context.Context) (n int64, err error) { panic("not written yet") }

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

func (m *Manifest) Exports(ctx context.Context, kind vbc.Kind, owner, filter string) ([]manifest.Export, error) {
	panic("not written yet")
}

func (m *Manifest) Failures(ctx context.Context, limit int) ([]manifest.Row, error) {
	panic("not written yet")
}

func (m *Manifest) Figures(ctx context.Context) (f manifest.Figures, err error) {
	panic("not written yet")
}

func (m *Manifest) ForgetExport(ctx context.Context, job string) error { panic("not written yet") }

func (m *Manifest) Glances(ctx context.Context) iter.Seq2[manifest.Glance, error] {
	panic("not written yet")
}

func (m *Manifest) Index(ctx context.Context, all ...manifest.Spoken) error { panic("not written yet") }

func (m *Manifest) Indexed(ctx context.Context) (has, lacks int64, err error) {
	panic("not written yet")
}

func (m *Manifest) Late(ctx context.Context) (l manifest.Late, err error) { panic("not written yet") }

func (m *Manifest) Learned(ctx context.Context) (l manifest.Learned, err error) {
	panic("not written yet")
}

func (m *Manifest) Listed(ctx context.Context, run int64, t manifest.Trouble) error {
	panic("not written yet")
}

func (m *Manifest) Login(ctx context.Context) (string, error) { panic("not written yet") }

func (m *Manifest) Mark(ctx context.Context, kind vbc.Kind, owner, filter string) (k manifest.Mark, err error) {
	panic("not written yet")
}

func (m *Manifest) MonthOf(ctx context.Context, at time.Time) (manifest.Month, error) {
	panic("not written yet")
}

func (m *Manifest) Months(ctx context.Context) ([]manifest.Month, error) { panic("not written yet") }

func (m *Manifest) Of(ctx context.Context, month manifest.Month) iter.Seq2[manifest.Row, error] {
	panic("not written yet")
}

func (m *Manifest) Over(ctx context.Context, run int64, t manifest.Trouble) error {
	panic("not written yet")
}

func (m *Manifest) OverForRun(ctx context.Context, run int64, kinds []vbc.Kind) error {
	panic("not written yet")
}

func (m *Manifest) OverForUsers(ctx context.Context, there func(user string) bool) error {
	panic("not written yet")
}

func (m *Manifest) Progress(ctx context.Context) (time.Time, error) { panic("not written yet") }

func (m *Manifest) PutOff(ctx context.Context, r manifest.Row, until time.Time) error {
	panic("not written yet")
}

func (m *Manifest) Retention(ctx context.Context) (shortest time.Duration, err error) {
	panic("not written yet")
}

func (m *Manifest) Scan(ctx context.Context, kind vbc.Kind, owner, filter string) (s manifest.Scan, err error) {
	panic("not written yet")
}

func (m *Manifest) Scrub(ctx context.Context) error { panic("not written yet") }

func (m *Manifest) Search(ctx context.Context, q manifest.Query) iter.Seq2[manifest.Row, error] {
	panic("not written yet")
}

func (m *Manifest) Self(ctx context.Context) (user string, err error) { panic("not written yet") }

func (m *Manifest) SetAhead(ctx context.Context, n int64) error { panic("not written yet") }

func (m *Manifest) SetExport(ctx context.Context, kind vbc.Kind, owner string, e manifest.Export) error {
	panic("not written yet")
}

func (m *Manifest) SetLate(ctx context.Context, l manifest.Late) error { panic("not written yet") }

func (m *Manifest) SetLearned(ctx context.Context, l manifest.Learned) error {
	panic("not written yet")
}

func (m *Manifest) SetLogin(ctx context.Context, digest string) error { panic("not written yet") }

func (m *Manifest) SetMark(ctx context.Context, kind vbc.Kind, owner, filter string, k manifest.Mark) error {
	panic("not written yet")
}

func (m *Manifest) SetProgress(ctx context.Context) error { panic("not written yet") }

func (m *Manifest) SetScan(ctx context.Context, kind vbc.Kind, owner, filter string, s manifest.Scan) error {
	panic("not written yet")
}

func (m *Manifest) SetSelf(ctx context.Context, user string) error { panic("not written yet") }

func (m *Manifest) SetTroubles(ctx context.Context, run int64, all ...manifest.Trouble) error {
	panic("not written yet")
}

func (m *Manifest) StaleMonths(ctx context.Context) ([]manifest.Month, error) {
	panic("not written yet")
}

func (m *Manifest) Sums(ctx context.Context, member string) (map[string]float64, error) {
	panic("not written yet")
}

func (m *Manifest) Tallies(ctx context.Context) ([]manifest.Tally, error) { panic("not written yet") }

func (m *Manifest) Troubles(ctx context.Context) ([]manifest.Trouble, error) {
	panic("not written yet")
}

func (m *Manifest) Unindexed(ctx context.Context, now time.Time) iter.Seq2[manifest.Row, error] {
	panic("not written yet")
}

func (m *Manifest) Unseen(ctx context.Context, kind vbc.Kind, owner string, run, since int64, from, until time.Time, matches func(vbc.Recording) bool) (n int64, err error) {
	panic("not written yet")
}
