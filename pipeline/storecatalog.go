package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/catalog"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
)

// The catalogue lies beside the archive, a file of Parquet for each month:
//
//	catalog/account=549825/year=2026/month=05/catalog.parquet
//	catalog/account=549825/_manifest.json                      whose it is
//
// It can be made anew from the manifest at any time, so it is replaced where
// that knows better, and not locked. It says what one manifest knows: another
// one's files are left alone, since taking turns would only make them wrong.
func catalogPrefix(account string) string { return "catalog/account=" + account + "/" }

func catalogKey(account string, month manifest.Month) string {
	return catalogPrefix(account) + month.First.Format("year=2006/month=01/") + "catalog.parquet"
}

// keeperKey is of no interest to query engines, which skip such names.
func keeperKey(account string) string { return catalogPrefix(account) + "_manifest.json" }

// catalogOwner says whose the catalogue is.
type catalogOwner struct {
	Chain string `json:"chain"` // of receipts: what manifests are told apart by
}

const maxKeeper = 1 << 16 // bytes

// StoreCatalog makes the catalogue beside the archive anew, all months of it,
// and returns how many. takeOver does it also where it is another manifest's.
// On nil every file is durable, and the store has confirmed it. After an error
// it may be called again. Nothing else may use the manifest meanwhile.
func StoreCatalog(ctx context.Context, store storage.Destination, m *manifest.Manifest, log *slog.Logger, takeOver bool) (months int, err error) {
	bound, err := m.Binding(ctx)
	if err != nil {
		return 0, err
	}
	if bound.Account == "" {
		return 0, &refusal{Reason: "this manifest has no account yet", Hint: "run vbcvault archive first"}
	}
	r := &run{store: store, manifest: m, log: log, stats: &Stats{}, work: ctx, ctx: ctx}
	if err := r.settleAccount(ctx, bound.Account); err != nil {
		return 0, err // what was erased meanwhile must not come back
	}
	all, err := m.Months(ctx)
	if err != nil {
		return 0, err
	}
	return r.storeMonths(ctx, all, takeOver)
}

// storeCatalog makes the files anew of which a run, or an earlier one, has
// changed something. What can't be stored now, the next run stores. The error
// says only that the run was told to stop meanwhile.
func (r *run) storeCatalog(ended error) error {
	if !r.policy.Catalog || !r.probed || errors.Is(ended, storage.ErrRefused) || r.ctx.Err() != nil {
		return nil //nolint:nilerr // that a run was told to stop is said elsewhere
	}
	months, err := r.manifest.StaleMonths(r.ctx)
	stored := 0
	if err == nil && len(months) > 0 {
		stored, err = r.storeMonths(r.ctx, months, false)
	}
	switch {
	case r.ctx.Err() != nil:
		return context.Cause(r.ctx)
	case err != nil:
		r.problems = append(r.problems, "the catalogue could not be updated: "+err.Error())
		hint := Hint(err)
		if hint == "" {
			hint = "the next run with --catalog tries again"
		}
		r.log.Warn("the catalogue could not be updated", "reason", err, "hint", hint)
	case stored > 0:
		r.log.Info("the catalogue is up to date", "months", stored)
	}
	return nil
}

// storeMonths makes the files of these months, once it is settled that the
// catalogue is this manifest's.
func (r *run) storeMonths(ctx context.Context, months []manifest.Month, takeOver bool) (stored int, err error) {
	if err := r.keepCatalog(ctx, takeOver); err != nil {
		return 0, err
	}
	if _, err := r.store.Tidy(ctx, catalogPrefix(r.account)); err != nil {
		if ctx.Err() != nil {
			return 0, err
		}
		r.log.Warn("unfinished objects of interrupted runs can't be removed from the destination and stay there", "under", catalogPrefix(r.account), "reason", err)
	}
	for _, month := range months {
		if err := r.storeMonth(ctx, month); err != nil {
			return stored, err
		}
		stored++
	}
	return stored, nil
}

func replaced(storage.Object) storage.Resolution { return storage.Replace }

func (r *run) storeMonth(ctx context.Context, month manifest.Month) error {
	err := r.putDerived(ctx, catalogKey(r.account, month), "application/vnd.apache.parquet", replaced, func(w io.Writer) error {
		_, err := catalog.Write(w, catalog.Parquet, catalog.All(r.manifest.Of(ctx, month)))
		return err
	})
	if err != nil {
		return err
	}
	// A crash here leaves the month stale. The next run makes the same file,
	// and finds that it is there.
	return r.manifest.Catalogued(ctx, month)
}

// keepCatalog makes the catalogue this manifest's, unless it is another's.
func (r *run) keepCatalog(ctx context.Context, takeOver bool) error {
	mine, err := r.keepsCatalog(ctx)
	if mine || err != nil && (!takeOver || !isA[*refusal](err)) {
		return err
	}
	c, err := r.manifest.Chain(ctx)
	if err != nil {
		return err
	}
	text, err := json.Marshal(catalogOwner{Chain: c.ID})
	if err != nil {
		return err
	}
	other := func(has storage.Object) storage.Resolution {
		if takeOver || has.Own || r.keeperless(ctx, has) {
			return storage.Replace
		}
		return storage.Refuse // somebody else was faster
	}
	return r.putDerived(ctx, keeperKey(r.account), "application/json", other, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}

// keepsCatalog reports whether the catalogue is this manifest's. The error is a
// *refusal if it is another's; there may be none yet.
func (r *run) keepsCatalog(ctx context.Context) (bool, error) {
	text, err := readObject(ctx, r.store, storage.Object{Key: keeperKey(r.account)}, maxKeeper)
	if errors.Is(err, storage.ErrNotFound) || errors.Is(err, errTooLarge) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	c, err := r.manifest.Chain(ctx)
	if err != nil {
		return false, err
	}
	switch chain := keeperIn(text); chain {
	case c.ID:
		return true, nil
	case "":
		return false, nil // damaged: it says nobody's name, and is made anew
	}
	return false, &refusal{
		Reason: "the catalogue beside the archive belongs to another manifest, which may contain more than this one",
		Hint:   "let one machine keep the catalogue, and use no --catalog on the others; or let this one take it over: vbcvault export --to-store --take-over",
	}
}

// keeperIn is whose the catalogue is, "" if a text doesn't say that.
func keeperIn(text []byte) string {
	var k catalogOwner
	if json.Unmarshal(text, &k) != nil || !chainForm.MatchString(k.Chain) {
		return ""
	}
	return k.Chain
}

var chainForm = regexp.MustCompile(`^[A-Z0-9]{1,40}$`)

// keeperless reports whether an object was read, and says nobody's name.
func (r *run) keeperless(ctx context.Context, o storage.Object) bool {
	text, err := readObject(ctx, r.store, o, maxKeeper)
	return (err == nil || errors.Is(err, errTooLarge)) && keeperIn(text) == ""
}

// putDerived stores what can be made anew at any time, and has the store confirm
// it. other says what becomes of what an earlier making has left.
func (r *run) putDerived(ctx context.Context, key, contentType string, other func(storage.Object) storage.Resolution, write func(io.Writer) error) error {
	var made storage.Object
	body, end := piped(write)
	o, err := r.store.Put(ctx, key, storage.Body{
		Reader: body,
		Seal:   func(o storage.Object) error { made = o; return nil },
		Occupied: func(has storage.Object) storage.Resolution {
			if has.Content == made.Content {
				return storage.Adopt
			}
			return other(has)
		},
	}, storage.Attrs{ContentType: contentType, Derived: true})
	end()
	if err != nil {
		return err
	}
	o.Content = made.Content
	has, err := r.store.Stat(ctx, o)
	if err == nil && has.Content != made.Content {
		err = fmt.Errorf("%s in the destination differs from what was stored", o.Key)
	}
	return err
}

// recatalog stores anew, without a recording that was erased, the file of which
// everything was erased for it.
func (r *run) recatalog(ctx context.Context, start time.Time) error {
	month, err := r.manifest.MonthOf(ctx, start)
	if err != nil || !month.Stale() {
		return err
	}
	if mine, err := r.keepsCatalog(ctx); !mine {
		if isA[*refusal](err) {
			r.log.Warn("the catalogue belongs to another manifest, so its file for this month was removed: erase the recording on that machine too, then run vbcvault export --to-store there", "month", month.String())
			return nil
		}
		return err
	}
	return r.storeMonth(ctx, month)
}
