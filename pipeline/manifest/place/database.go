package place

import (
	"context"
	"fmt"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
)

// At is the place of the manifest with that name in a database, whose address may name
// another one, or none.
func At(database, name string) (string, error) {
	in, err := postgres.Parse(database)
	if err != nil {
		return "", err
	}
	return in.At(name).String(), nil
}

// Database is the address of the database that a manifest lies in, which names none; ""
// for a file, and for what can't be read.
func Database(path string) string {
	if !postgres.Is(path) {
		return ""
	}
	in, err := postgres.Parse(path)
	if err != nil {
		return ""
	}
	return in.Database
}

// Common opens what all who use a database know together: quotas and refused logins. It
// makes the tables if there are none. The caller closes it.
func Common(ctx context.Context, database string, o Options) (*postgres.Common, error) {
	with, err := o.postgres()
	if err != nil {
		return nil, err
	}
	return postgres.OpenCommon(ctx, database, with...)
}

// Upgrade makes the tables of a database, or brings them up to date, for all manifests in
// it. It returns the format that they have then.
func Upgrade(ctx context.Context, database string, o Options) (format int, err error) {
	in, err := postgres.Parse(database)
	if err != nil {
		return 0, err
	}
	with, err := o.postgres()
	if err != nil {
		return 0, err
	}
	return postgres.Format(), postgres.Migrate(ctx, in.Database, with...)
}

// Manifests are the places of the manifests in a database, in the order of their names,
// of one account (its number at VBC) or, for "", of all. Before the first run there are
// none.
func Manifests(ctx context.Context, database, account string, o Options) (paths []string, err error) {
	in, err := postgres.Parse(database)
	if err != nil {
		return nil, err
	}
	with, err := o.postgres()
	if err != nil {
		return nil, err
	}
	names, err := postgres.Names(ctx, in.Database, account, with...)
	for _, name := range names {
		paths = append(paths, in.At(name).String())
	}
	return paths, err
}

// ReadHolds reads what a manifest is about, and all that it knows of holds, each making
// before its end, also while a run uses it; of a file, in any older format too. An end
// counts only with the signature of the manifest's key.
func ReadHolds(ctx context.Context, path string, o Options) (manifest.Binding, []manifest.HoldText, error) {
	if !postgres.Is(path) {
		return sqlite.ReadHolds(ctx, path, o.sqlite()...)
	}
	m, err := OpenReadOnly(ctx, path, o)
	if err != nil {
		return manifest.Binding{}, nil, err
	}
	defer m.Close()
	b, err := m.Binding(ctx)
	if err != nil || b.Account == "" {
		return b, nil, err
	}
	all, err := m.HoldTexts(ctx)
	if err != nil {
		return b, nil, fmt.Errorf("read the holds of manifest %s: %w", path, err)
	}
	return b, holdTexts(all, o.key()), nil
}

// holdTexts are all that records say of holds, each making before its end, as far as the
// key has signed that.
func holdTexts(all []manifest.HoldRecord, secret string) (texts []manifest.HoldText) {
	var keys receipt.Keys
	if key, err := receipt.ParseKey(secret); err == nil {
		if of, err := receipt.NewKeys(key.Verifier()); err == nil {
			keys = of
		}
	}
	for _, r := range all {
		t := manifest.HoldText{Hold: r.Digest, Number: r.Number}
		if len(r.Made) > 0 {
			t.Text = r.Made
		}
		texts = append(texts, t)
		if len(r.Ended) > 0 && keys.HoldEnd(r.Digest, storage.SumOf(r.Ended), r.Signed) {
			texts = append(texts, manifest.HoldText{Hold: r.Digest, Ended: true, Text: r.Ended, Number: r.Number})
		}
	}
	return texts
}
