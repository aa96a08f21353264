package main

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/web"
	"github.com/vbcvault/vbcvault/pipeline/check"
	"github.com/vbcvault/vbcvault/pipeline/index"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

const (
	// indexEvery is how long after a run its calls are found by what was said.
	indexEvery = time.Minute
	// indexWorkers leaves most connections to whoever listens.
	indexWorkers = 4
)

// index keeps the full-text index of all accounts filled, as long as the page is open:
// one account after the other, so that those who look and listen are the first.
func (p *webPage) index(ctx context.Context) {
	said := map[string]string{} // what has kept an account's index from being filled
	for {
		for _, v := range p.vaults.vaults() {
			err := p.indexAccount(ctx, v)
			if ctx.Err() != nil {
				return
			}
			reason := ""
			if err != nil {
				reason = err.Error()
			}
			if reason != "" && reason != said[v.Name] {
				p.log.Warn("what was said in calls can't be indexed, so the search doesn't find it by its words", "account", v.Name, "reason", err)
			}
			said[v.Name] = reason
		}
		if wait(ctx, indexEvery) != nil {
			return
		}
	}
}

// indexAccount fills one account's. Where nothing is to be indexed the archive isn't asked.
func (p *webPage) indexAccount(ctx context.Context, v *web.Vault) error {
	m, err := v.Manifest(ctx)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // no run has made one yet
	}
	if err != nil {
		return err
	}
	if _, lacks, err := m.Indexed(ctx); err != nil || lacks == 0 {
		return err
	}
	store, err := v.Store(ctx)
	if err != nil {
		return err
	}
	log := p.log.With("account", v.Name)
	r, err := index.Run(ctx, store, m, log, index.Options{Workers: indexWorkers, Refuted: func(row manifest.Row, why error) {
		if err := check.Refute(context.WithoutCancel(ctx), m, row, why); err != nil {
			log.Error("that a recording is damaged could not be written down", "recording", row.Recording.String(), "reason", err)
		}
	}})
	if n := r.Indexed + r.Cold + r.Missing + r.Damaged + r.Failed; n > 0 {
		log.Info("transcripts were indexed", "indexed", r.Indexed, "cold", r.Cold, "missing", r.Missing, "damaged", r.Damaged, "failed", r.Failed)
	}
	return err
}
