// Package manifesttest says whether an implementation keeps the contract of a
// manifest: every step from every state, what a crash between two commits leaves,
// holds that are made while recordings are purged, and what is found, counted and
// remembered. It knows of a manifest no more than package manifest promises.
package manifesttest

import (
	"context"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// Manifest is an open manifest.
type Manifest interface {
	manifest.Manifest
	io.Closer
}

// Place is where one manifest lies, or is to lie. After each Close it is opened
// again; what it has is what a crash would have left at that moment.
type Place struct {
	// Open opens it for a run, and makes it if there is none. If commits isn't nil,
	// it is called in place of each commit of a change, and may carry that out or
	// not, and fail or not. Where it fails, the change fails with a WriteError.
	Open func(ctx context.Context, commits func(commit func() error) error) (Manifest, error)

	// Beside opens it for changes that may be made while a run has it open, such as
	// a hold.
	Beside func(ctx context.Context) (Manifest, error)

	// Create makes a new one, which fill writes.
	Create func(ctx context.Context, fill func(Fillable) error) error
}

// Fillable is a manifest that is being made.
type Fillable interface {
	manifest.Bound
	manifest.Filling
}

// Places makes a new place, with nothing in it, for one test.
type Places func(t testing.TB) Place

// Run holds an implementation to the contract.
func Run(t *testing.T, places Places) {
	for name, test := range map[string]func(*testing.T, Places){
		"EveryStepFromEveryState":             everyStepFromEveryState,
		"WhatIsUnknownTakesNoStep":            whatIsUnknownTakesNoStep,
		"Withdrawn":                           withdrawn,
		"RefutedUntilRead":                    refutedUntilRead,
		"AudioOfAnother":                      audioOfAnother,
		"ErasedKeepsIDsAndDigests":            erasedKeepsIDsAndDigests,
		"Acknowledged":                        acknowledged,
		"Sightings":                           sightings,
		"WhatHasACopyIsNeverDisplaced":        whatHasACopyIsNeverDisplaced,
		"WhatHasNoCopyIsBegunAnew":            whatHasNoCopyIsBegunAnew,
		"StillListed":                         stillListed,
		"BindingHolds":                        bindingHolds,
		"RowsSurviveReopening":                rowsSurviveReopening,
		"CrashBetweenCommits":                 crashBetweenCommits,
		"CrashOfManyAtOnce":                   crashOfManyAtOnce,
		"OneOfManyFailsAlone":                 oneOfManyFailsAlone,
		"NothingHeldIsBegun":                  nothingHeldIsBegun,
		"NothingHeldIsErased":                 nothingHeldIsErased,
		"GoneIsErasedWhereItWouldBe":          goneIsErasedWhereItWouldBe,
		"ErasedIsQuotedNowhere":               erasedIsQuotedNowhere,
		"FoundIsErasedUnderARowOfItsOwn":      foundIsErasedUnderARowOfItsOwn,
		"NoIntentAfterAHold":                  noIntentAfterAHold,
		"HoldsAreNotedAndStoredOnce":          holdsAreNotedAndStoredOnce,
		"HoldOfTheArchive":                    holdOfTheArchive,
		"OneKeyForEver":                       oneKeyForEver,
		"WhatIsKnownOfLogs":                   whatIsKnownOfLogs,
		"ReleaseEndsAHold":                    releaseEndsAHold,
		"WhatWasSaidStaysHeld":                whatWasSaidStaysHeld,
		"WhatWasSaidOfAnotherCall":            whatWasSaidOfAnotherCall,
		"WhatWasSaidIsPut":                    whatWasSaidIsPut,
		"SharedHolds":                         sharedHolds,
		"CoveredIsFound":                      coveredIsFound,
		"PendingOrder":                        pendingOrder,
		"PendingWhileRowsMove":                pendingWhileRowsMove,
		"Resting":                             resting,
		"EveryRowOnce":                        everyRowOnce,
		"SearchFindsWhatMatches":              searchFindsWhatMatches,
		"WhatIsPutIsFound":                    whatIsPutIsFound,
		"MonthsOfAnyZone":                     monthsOfAnyZone,
		"TakeOver":                            takeOver,
		"ReceiptsBehindAnEntry":               receiptsBehindAnEntry,
		"EveryStepMakesItsMonthStale":         everyStepMakesItsMonthStale,
		"ChangeWhileAFileIsMade":              changeWhileAFileIsMade,
		"AcknowledgedTrouble":                 acknowledgedTrouble,
		"Uploads":                             uploads,
		"RefusedUntilWhole":                   refusedUntilWhole,
		"ListingsExportsAndRunsAreRemembered": remembered,
		"UnvouchedUntilStored":                unvouchedUntilStored,
		"ToldByTheSame":                       toldByTheSame,
		"Figures":                             figures,
		"SumsOfRuns":                          sumsOfRuns,
		"WordsFindWhatWasSaid":                wordsFindWhatWasSaid,
		"CrowdedSecond":                       crowdedSecond,
		"IndexedBeside":                       indexedBeside,
		"ListeningsFollowOneAnother":          listeningsFollowOneAnother,
		"OneSessionIsOneListening":            oneSessionIsOneListening,
		"ListeningsSayWhoAndWhat":             listeningsSayWhoAndWhat,
		"ListeningThatIsNotCommitted":         listeningThatIsNotCommitted,
		"ListeningsAreNotedAndStoredOnce":     listeningsAreNotedAndStoredOnce,
		"ListeningsOfTheArchive":              listeningsOfTheArchive,
		"ListeningsTakenOver":                 listeningsTakenOver,
		"ListeningsAreFound":                  listeningsAreFound,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, places)
		})
	}
}

const account = "549825"

var day = time.Date(2026, 5, 12, 10, 15, 0, 0, time.UTC)

// open opens a place's manifest as a run does, until the test ends.
func open(t testing.TB, p Place, commits func(commit func() error) error) Manifest {
	t.Helper()
	m, err := p.Open(t.Context(), commits)
	must(t, err)
	t.Cleanup(func() { m.Close() }) // which may have been done before
	return m
}

// bound is a new manifest of the account, and its place.
func bound(t testing.TB, places Places) (Manifest, Place) {
	t.Helper()
	p := places(t)
	m := open(t, p, nil)
	must(t, m.Bind(t.Context(), manifest.Binding{Account: account}))
	return m, p
}

func fresh(t testing.TB, places Places) Manifest {
	t.Helper()
	m, _ := bound(t, places)
	return m
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func recording(id int64, start time.Time) vbc.Recording {
	r := vbc.ParseRecording(vbc.Company, "", fmt.Appendf(nil, `{"id":%d,"start":%q,"file_size_in_bytes":1000}`, id, vbc.FormatTime(start)))
	r.Account = account
	return r
}

func key(id int64) vbc.Key { return vbc.Key{Kind: vbc.Company, ID: id} }

func object(key string) storage.Object {
	return storage.Object{Key: key, VersionID: "v", ETag: `"e"`, Checksum: "c-2", Content: storage.Content{Size: 1000, SHA256: storage.SumOf([]byte(key))}}
}

func copyOf(r vbc.Recording) manifest.Copy {
	return manifest.Copy{Audio: object(fmt.Sprint(r.ID, "-", r.Nth, ".mp3")), Sidecar: object(fmt.Sprint(r.ID, "-", r.Nth, ".json")), StoredAt: day}
}

func intentOf(r vbc.Recording) receipt.Entry {
	e, c := receipt.New(receipt.Intent, 1, r), copyOf(r)
	e.Audio, e.Sidecar, e.Verified, e.Account = &c.Audio, &c.Sidecar, day, account
	return e
}

func outcomeOf(r vbc.Recording, o receipt.Outcome) receipt.Entry {
	e := receipt.New(receipt.Result, 1, r)
	e.Outcome, e.Account = o, account
	return e
}

func erasureOf(r vbc.Recording, what receipt.Type) receipt.Entry {
	e := receipt.New(what, 0, r)
	c := copyOf(r)
	e.Audio, e.Sidecar = &c.Audio, &c.Sidecar
	if what == receipt.Erasing {
		e.Digest = storage.SumOf([]byte("why"))
	}
	return e
}

func add(t testing.TB, m Manifest, run int64, rs ...vbc.Recording) []manifest.Sighting {
	t.Helper()
	s, err := m.Add(t.Context(), run, rs)
	must(t, err)
	return s
}

func state(t testing.TB, m Manifest, id int64) manifest.Row {
	t.Helper()
	row, err := m.Get(t.Context(), key(id))
	must(t, err)
	return row
}
