package archive

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/catalog"
	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/flow"
	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/refusal"
	"github.com/vbcvault/vbcvault/storage"
)

// catalogOwner says whose the catalogue is.
type catalogOwner struct {
	Chain string `json:"chain"` // of receipts: what manifests are told apart by
}

const maxKeeper = 1 << 16 // bytes

// StoreCatalog makes the catalogue beside the archive anew, all months of it,
// and returns how many. takeOver does it also where it is another manifest's.
// On nil every file is durable, and the store has confirmed it. After an error
// it may be called again. Nothing else may use the manifest meanwhile.
func (a *Archive) StoreCatalog(ctx context.Context, takeOver bool) (months int, err error) {
	all, err := a.manifest.Months(ctx)
	if err != nil {
		return 0, err
	}
	return a.storeMonths(ctx, all, takeOver)
}

// RenewCatalog makes the files anew of which something has changed since they were
// made, and returns how many.
func (a *Archive) RenewCatalog(ctx context.Context) (months int, err error) {
	stale, err := a.manifest.StaleMonths(ctx)
	if err != nil || len(stale) == 0 {
		return 0, err
	}
	return a.storeMonths(ctx, stale, false)
}

// storeMonths makes the files of these months, once it is settled that the
// catalogue is this manifest's.
func (a *Archive) storeMonths(ctx context.Context, months []manifest.Month, takeOver bool) (stored int, err error) {
	if err := a.keepCatalog(ctx, takeOver); err != nil {
		return 0, err
	}
	if _, err := a.store.Tidy(ctx, layout.Catalog(a.account)); err != nil {
		if ctx.Err() != nil {
			return 0, err
		}
		a.log.Warn("unfinished objects of interrupted runs can't be removed from the destination and stay there", "under", layout.Catalog(a.account), "reason", err)
	}
	for _, month := range months {
		if err := a.storeMonth(ctx, month); err != nil {
			return stored, err
		}
		stored++
	}
	return stored, nil
}

func replaced(storage.Object) storage.Resolution { return storage.Replace }

func (a *Archive) storeMonth(ctx context.Context, month manifest.Month) error {
	err := a.putDerived(ctx, layout.CatalogKey(a.account, month), "application/vnd.apache.parquet", replaced, func(w io.Writer) error {
		_, err := catalog.Write(w, catalog.Parquet, catalog.All(a.manifest.Of(ctx, month)))
		return err
	})
	if err != nil {
		return err
	}
	// A crash here leaves the month stale. The next run makes the same file,
	// and finds that it is there.
	return a.manifest.Catalogued(ctx, month)
}

// keepCatalog makes the catalogue this manifest's, unless it is another's.
func (a *Archive) keepCatalog(ctx context.Context, takeOver bool) error {
	mine, err := a.keepsCatalog(ctx)
	if mine || err != nil && (!takeOver || !isAnothers(err)) {
		return err
	}
	c, err := a.manifest.Chain(ctx)
	if err != nil {
		return err
	}
	text, err := json.Marshal(catalogOwner{Chain: c.ID})
	if err != nil {
		return err
	}
	other := func(has storage.Object) storage.Resolution {
		if takeOver || has.Own || a.keeperless(ctx, has) {
			return storage.Replace
		}
		return storage.Refuse // somebody else was faster
	}
	return a.putDerived(ctx, layout.KeeperKey(a.account), "application/json", other, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}

// keepsCatalog reports whether the catalogue is this manifest's. The error is a
// *refusal if it is another's; there may be none yet.
func (a *Archive) keepsCatalog(ctx context.Context) (bool, error) {
	text, err := layout.Read(ctx, a.store, storage.Object{Key: layout.KeeperKey(a.account)}, maxKeeper)
	if errors.Is(err, storage.ErrNotFound) || errors.Is(err, layout.ErrTooLarge) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	c, err := a.manifest.Chain(ctx)
	if err != nil {
		return false, err
	}
	switch chain := keeperIn(text); chain {
	case c.ID:
		return true, nil
	case "":
		return false, nil // damaged: it says nobody's name, and is made anew
	}
	return false, &refusal.Refusal{
		Code:   code.OthersCatalog,
		Reason: "the catalogue beside the archive belongs to another manifest, which may contain more than this one",
		Hint:   "let one machine keep the catalogue, and use no --catalog on the others; or let this one take it over: vbcvault export --to-store --take-over",
	}
}

// isAnothers reports whether an error says that the catalogue is another manifest's.
func isAnothers(err error) bool {
	_, refused := errors.AsType[*refusal.Refusal](err)
	return refused
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
func (a *Archive) keeperless(ctx context.Context, o storage.Object) bool {
	text, err := layout.Read(ctx, a.store, o, maxKeeper)
	return (err == nil || errors.Is(err, layout.ErrTooLarge)) && keeperIn(text) == ""
}

// putDerived stores what can be made anew at any time, and has the store confirm
// it. other says what becomes of what an earlier making has left.
func (a *Archive) putDerived(ctx context.Context, key, contentType string, other func(storage.Object) storage.Resolution, write func(io.Writer) error) error {
	var made storage.Object
	body, end := flow.Piped(write)
	o, err := a.store.Put(ctx, key, storage.Body{
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
	has, err := a.store.Stat(ctx, o)
	if err == nil && has.Content != made.Content {
		err = fmt.Errorf("%s in the destination differs from what was stored", o.Key)
	}
	return err
}

// recatalog stores anew, without a recording that was erased, the file of which
// everything was erased for it.
func (a *Archive) recatalog(ctx context.Context, start time.Time) error {
	month, err := a.manifest.MonthOf(ctx, start)
	if err != nil || !month.Stale() {
		return err
	}
	if mine, err := a.keepsCatalog(ctx); !mine {
		if isAnothers(err) {
			a.log.Warn("the catalogue belongs to another manifest, so its file for this month was removed: erase the recording on that machine too, then run vbcvault export --to-store there", "month", month.String())
			return nil
		}
		return err
	}
	return a.storeMonth(ctx, month)
}
