// Package rebuild makes a manifest out of an archive, whose own is lost. It asks VBC
// nothing, and changes nothing in the store.
package rebuild

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/archive"
	"github.com/vbcvault/vbcvault/pipeline/check"
	"github.com/vbcvault/vbcvault/pipeline/evidence"
	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/ledger"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// Options says how a manifest is made out of an archive.
type Options struct {
	Account string // number
	Workers int    // recordings looked at, so many at once; 0 = 8
	Deep    bool   // read and hash every byte, whatever checksum the store keeps

	// Keys are verifiers of keys whose signatures count, beside that of the new
	// manifest's own: those with which receipts were signed that lie in the archive.
	Keys []string
	// TrustArchive says that nobody else has written to the archive: receipts count
	// although nobody has signed them, and no copy is unvouched.
	TrustArchive bool

	Tell func(check.Finding) // is told of each finding, one at a time; nil = nobody
	Seen *atomic.Int64       // counts recordings while they are looked at; nil = nobody asks
}

// Result is what a manifest was made of. Its JSON is a contract.
type Result struct {
	Account     string `json:"account"`
	Recordings  int64  `json:"recordings"`  // with a proven copy
	Bytes       int64  `json:"bytes"`       // of their audio
	Transcripts int64  `json:"transcripts"` // of them with one
	Purged      int64  `json:"purged"`      // of them no longer at VBC, as receipts say
	Purging     int64  `json:"purging"`     // whose deletion at VBC was begun, and nobody knows its end
	Listed      int64  `json:"listed"`      // known, and without a proven copy: the next run archives them, if VBC has them still
	Erased      int64  `json:"erased"`      // on request; those whose erasure was begun included
	Holds       int64  `json:"holds"`       // in force

	// That VBC may have, and whose copies no signed receipt vouches for: VBC is asked
	// once more about each that it has, before its deletion.
	Unvouched int64 `json:"unvouched"`
	// Erased as receipts say that no known key has signed: nothing is known of them.
	UnsignedErasures int64 `json:"unsigned_erasures"`

	Listenings         int64 `json:"listenings"`          // texts of who has listened that signed receipts name
	UnsignedListenings int64 `json:"unsigned_listenings"` // that no known key has signed: nothing is known of them

	Receipts         int64    `json:"receipts"` // entries, of so many chains
	Chains           int64    `json:"chains"`
	ReceiptsSigned   int64    `json:"receipts_signed"`        // of the entries: with a known key,
	ReceiptsForeign  int64    `json:"receipts_foreign"`       // with another one,
	ReceiptsUnsigned int64    `json:"receipts_unsigned"`      // and with none
	ForeignKeys      []string `json:"foreign_keys,omitempty"` // that lie beside the archive, and nobody knows whose they are

	Lost    int64 `json:"lost"`
	Missing int64 `json:"missing"`
	Damaged int64 `json:"damaged"`
	Unknown int64 `json:"unknown"`
	// What speaks against the archive and isn't signed, or isn't believed for that.
	Unsigned int64 `json:"unsigned"`
	Begun    int64 `json:"begun"`
	Beside   int64 `json:"beside"`
	Foreign  int64 `json:"foreign"`

	Seconds float64 `json:"seconds"`
}

// Whole reports whether everything in the archive has found its place.
func (r Result) Whole() bool { return r.Lost+r.Missing+r.Damaged+r.Unknown+r.Unsigned == 0 }

// Accounts are the numbers of the accounts that a store has something of.
func Accounts(ctx context.Context, store storage.Explorer) (numbers []string, err error) {
	for _, under := range []string{"", "receipts/", "holds/", "erasures/", "listenings/"} {
		names, err := store.Names(ctx, under)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			number, ok := strings.CutPrefix(strings.TrimSuffix(name, "/"), under+"account=")
			if ok && layout.IsNumber(number) {
				numbers = append(numbers, number)
			}
		}
	}
	slices.Sort(numbers)
	return slices.Compact(numbers), nil
}

// The numbers of the runs that "show" what receipts alone tell of, as long as nothing
// of it has been found: those that count as they are, and those of which nobody knows
// who has written them.
const (
	toldOf   = -1
	rumoured = -2
)

// rebuild is one rebuilding.
type rebuild struct {
	store    storage.Destination
	manifest Manifest
	log      *slog.Logger
	account  string // number

	look  evidence.Stater
	deep  bool
	found *check.Findings
	seen  *atomic.Int64
	given []string // see Options.Keys
	trust bool     // see Options.TrustArchive

	keys     receipt.Keys        // whose signatures count
	logs     *ledger.Ledger      // all that there are
	held     []made              // holds that receipts tell of
	erasures map[place]time.Time // recordings that unsigned receipts call erased, and when
	heard    heard               // who has listened
	seenLogs []claim             // what signed logs say of others

	transcribed atomic.Bool // VBC has listed transcripts once

	mu    sync.Mutex // guards sum
	sum   Result
	locks [1024]sync.Mutex // of recordings, by id: what has had the same one is written down one after the other
}

// Manifest is what rebuilding needs of a manifest that is being made.
type Manifest interface {
	archive.Learner
	Trust(ctx context.Context, t manifest.Trusted) error
	AddReceipt(ctx context.Context, e receipt.Entry) error
	SeeTips(ctx context.Context, chains []string, tips []manifest.Tip) error
	Bind(ctx context.Context, b manifest.Binding) error
	All(ctx context.Context, key vbc.Key) ([]manifest.Row, error)
	SetLearned(ctx context.Context, l manifest.Learned) error
	LearnListenings(ctx context.Context, chain string, texts ...manifest.ListeningRecord) (n int64, err error)
	SeenBy(ctx context.Context, run int64) iter.Seq2[manifest.Row, error]
	manifest.Filling
	Purging(ctx context.Context, r vbc.Recording, c manifest.Copy, intent receipt.Entry, refuted bool) error
}

// Into fills a manifest that is being created with what the archive says.
// It asks VBC nothing, and changes nothing in the store. Receipts come first,
// then the recordings, whose copies the store must confirm; what only receipts
// tell of after that is missing.
//
// Anybody who may write to the archive may have put there what lies in it. So
// receipts count as far as a known key has signed them, and a copy that none of
// those vouches for is unvouched: it is there, and VBC is asked about it before it
// justifies a deletion. What nobody has signed is believed as far as that can do no
// harm: it may spare requests, and hold what it calls held.
//
// The manifest begins a log of its own, whose first entries say how far all others
// had come: from then on none can become shorter without being noticed. The error
// says that the manifest is of no use.
func Into(ctx context.Context, store storage.Destination, m Manifest, log *slog.Logger, o Options) (Result, error) {
	begin := time.Now()
	if o.Workers <= 0 {
		o.Workers = 8
	}
	if o.Seen == nil {
		o.Seen = &atomic.Int64{}
	}
	b := &rebuild{
		store: store, manifest: m, log: log, account: o.Account,
		look: archive.Look(store, o.Deep), deep: o.Deep, found: check.NewFindings(o.Tell), seen: o.Seen,
		given: o.Keys, trust: o.TrustArchive, erasures: map[place]time.Time{},
		heard: heard{map[storage.Digest]heardAt{}, map[storage.Digest]bool{}},
	}
	b.sum.Account = o.Account
	// Where it lies is written down last: until then no command takes it.
	err := m.Bind(ctx, manifest.Binding{Account: o.Account})
	for _, step := range []func(context.Context) error{
		b.strangers, b.openLogs, b.receipts, b.recordings(o.Workers), b.missing(o.Workers), b.manifest.Displace, b.manifest.SuspectTwins,
		b.holds, b.listenings, b.crossSign, b.bind,
	} {
		if err == nil {
			err = step(ctx)
		}
	}
	b.sum.Lost, b.sum.Missing, b.sum.Damaged = b.found.Count[check.Lost], b.found.Count[check.Missing], b.found.Count[check.Damaged]
	b.sum.Unsigned, b.sum.UnsignedErasures = b.found.Count[check.Unsigned], int64(len(b.erasures))
	b.sum.Unknown, b.sum.Begun, b.sum.Beside, b.sum.Foreign = b.found.Count[check.Unknown], b.found.Count[check.Begun], b.found.Count[check.Beside], b.found.Count[check.Foreign]
	b.sum.Seconds = time.Since(begin).Round(time.Millisecond).Seconds()
	return b.sum, err
}

// bind binds the manifest to its place. A directory's identity is taken as it
// is; where there is none yet, the next run gives it one.
func (b *rebuild) bind(ctx context.Context) error {
	if err := b.manifest.SetLearned(ctx, manifest.Learned{Transcripts: b.transcribed.Load()}); err != nil {
		return err
	}
	identity, err := b.store.Identity(ctx)
	if err != nil {
		return err
	}
	return b.manifest.Bind(ctx, manifest.Binding{Destination: b.store.String(), Identity: identity})
}

// The parts of an archive beside the recordings, and what lies in them. The
// catalogue is made of the manifest and says nothing new.
var (
	parts = []string{"receipts/", "holds/", "erasures/", "listenings/", "catalog/"}
)

// strangers finds what is none of vbcvault's, by the names at the top, and what
// lies among holds, erasures and listenings without being one.
func (b *rebuild) strangers(ctx context.Context) error {
	for _, under := range append([]string{""}, parts...) {
		names, err := b.store.Names(ctx, under)
		if err != nil {
			return err
		}
		for _, name := range names {
			number, ok := strings.CutPrefix(name, under+"account=")
			if ok && strings.HasSuffix(name, "/") && layout.IsNumber(strings.TrimSuffix(number, "/")) || under == "" && slices.Contains(parts, name) {
				continue
			}
			b.found.Add(check.Foreign, name, check.None, "it does not belong to vbcvault, and is ignored")
		}
	}
	for prefix, form := range map[string]*regexp.Regexp{
		layout.Holds(b.account): layout.HoldName, layout.Erasures(b.account): layout.ErasureName, layout.Listenings(b.account): layout.ListeningName,
	} {
		for o, err := range b.store.List(ctx, prefix) {
			if err != nil {
				return err
			}
			if !form.MatchString(o.Key) {
				b.found.Add(check.Unknown, o.Key, check.None, "it is not a hold, erasure or listenings file (unexpected name)")
			}
		}
	}
	return nil
}

// made is when a hold was made.
type made struct {
	at   time.Time
	hold storage.Digest
}

// holds takes over the holds of the archive, as every run does. Where receipts
// tell of one and its text is nowhere, everything is held, whoever has written them.
// They get the numbers that they had.
func (b *rebuild) holds(ctx context.Context) error {
	slices.SortStableFunc(b.held, func(x, y made) int { return x.at.Compare(y.at) })
	for _, h := range b.held {
		if err := b.manifest.LearnHold(ctx, manifest.HoldText{Hold: h.hold}); err != nil {
			return err
		}
	}
	all, doubts, err := archive.LearnHolds(ctx, b.store, b.manifest, b.log, b.account)
	if err != nil {
		return err
	}
	for _, text := range doubts {
		b.found.Add(check.Unsigned, layout.Holds(b.account), check.None, text)
	}
	for _, h := range manifest.InForce(all) {
		b.sum.Holds++
		if h.Lost {
			b.found.Add(check.Damaged, layout.HoldKey(b.account, manifest.HoldText{Hold: h.Digest}), check.None,
				"the criteria of this hold are lost, so every recording is held: add the hold again, then remove this one")
		}
	}
	return nil
}

// count changes the sum.
func (b *rebuild) count(change func(*Result)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(&b.sum)
}

// told is what receipts have told of a group.
func (b *rebuild) told(ctx context.Context, g layout.Group) ([]manifest.Row, error) {
	rows, err := b.manifest.All(ctx, g.Recording.Key())
	if err != nil {
		return nil, fmt.Errorf("look up %s: %w", g.Recording, err)
	}
	return slices.DeleteFunc(rows, func(r manifest.Row) bool { return r.SeenRun >= 0 || !layout.IsOf(g.Stem, r.Copy.Audio.Key) }), nil
}
