package postgres

import (
	"context"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/vbc"
)

func (m *Manifest) Displace(ctx context.Context) error {
	panic("not written yet")
}

func (m *Manifest) Drop(ctx context.Context, r vbc.Recording) error {
	panic("not written yet")
}

func (m *Manifest) Erased(ctx context.Context, r vbc.Recording, done receipt.Entry) error {
	panic("not written yet")
}

func (m *Manifest) Erasing(ctx context.Context, r vbc.Recording, begun receipt.Entry) error {
	panic("not written yet")
}

func (m *Manifest) ErasingFound(ctx context.Context, row *manifest.Row, begun receipt.Entry) error {
	panic("not written yet")
}

func (m *Manifest) Put(ctx context.Context, rows ...manifest.Row) error {
	panic("not written yet")
}

func (m *Manifest) SuspectTwins(ctx context.Context) error {
	panic("not written yet")
}

func (m *Manifest) Tell(ctx context.Context, rows []manifest.Row) error {
	panic("not written yet")
}
