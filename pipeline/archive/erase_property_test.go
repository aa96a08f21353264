package archive

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/pipeline/refusal"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/dirstore"
	"github.com/vbcvault/vbcvault/vbc"
)

// copyAt is one copy of a call, under one of its starts.
type copyAt struct {
	key         vbc.Key
	call, start int
	size        int64
	row         bool // the manifest knows it
	keys        []string
}

// tangle is an archive in which one id was given to several calls, whose starts were
// corrected, and of which the manifest knows some.
type tangle struct {
	key    vbc.Key
	copies []*copyAt
	others []string // keys of others, with the same id in other collections
	strays []string // whose they are nobody knows
	store  *dirstore.Store
	a      *Archive
	m      *sqlite.Manifest
}

func startNumber(i int) time.Time {
	return time.Date(2026, 1, 31, 23, 59, 58, 0, time.UTC).Add(time.Duration(i) * time.Second)
}

func (c *copyAt) recording() vbc.Recording {
	raw, err := json.Marshal(map[string]any{"id": 7, "start": vbc.FormatTime(startNumber(c.start)), "file_size_in_bytes": c.size,
		"call_id": fmt.Sprint("call ", c.call), "file_name": fmt.Sprintf("%d.mp3", c.call), "caller_id": fmt.Sprintf("1732555%04d", c.call)})
	if err != nil {
		panic(err) // numbers and texts only
	}
	r := vbc.ParseRecording(c.key.Kind, c.key.Owner, raw)
	r.Account = "549825"
	return r
}

// tangled draws one.
func tangled(t *rapid.T) *tangle {
	keys := []vbc.Key{{Kind: vbc.Company, ID: 7}, {Kind: vbc.OnDemand, Owner: "745249", ID: 7}, {Kind: vbc.OnDemand, Owner: "74", ID: 7}}
	x := &tangle{key: rapid.SampledFrom(keys).Draw(t, "key")}
	taken := map[[2]int64]int{} // start and size, which is all that an archive tells calls apart by
	for range rapid.IntRange(1, 7).Draw(t, "copies") {
		c := &copyAt{key: x.key, call: rapid.IntRange(0, 2).Draw(t, "call"), start: rapid.IntRange(0, 4).Draw(t, "start"), row: rapid.Bool().Draw(t, "row")}
		c.size = int64(100 + 100*(c.call/2))
		if _, again := taken[[2]int64{int64(c.start), c.size}]; !again {
			taken[[2]int64{int64(c.start), c.size}] = c.call
			x.copies = append(x.copies, c)
		}
	}
	return x
}

// build stores it.
func (x *tangle) build(ctx context.Context, t *rapid.T, dir string) {
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	var err error
	must(os.MkdirAll(filepath.Join(dir, "calls"), 0o700))
	x.store, err = dirstore.Open(filepath.Join(dir, "calls"))
	must(err)
	put := func(key string, body []byte) storage.Object {
		o, err := x.store.Put(ctx, key, storage.Body{Reader: strings.NewReader(string(body))}, storage.Attrs{})
		must(err)
		o.Content = storage.Content{Size: int64(len(body)), SHA256: storage.SumOf(body)}
		return o
	}
	var rows []manifest.Row
	used := map[string]bool{}
	for _, c := range x.copies {
		r := c.recording()
		stem, err := layout.Stem(r)
		must(err)
		audio := []byte(strings.Repeat(string(rune('a'+c.call)), int(c.size)))
		side := layout.Sidecar{Format: 1, Account: "549825", Kind: c.key.Kind, Owner: c.key.Owner, Size: c.size, SHA256: storage.SumOf(audio), Recording: r.Raw}
		text, err := side.Encode()
		must(err)
		keys := []string{stem + ".mp3", stem + ".json"}
		if used[stem] {
			keys = []string{layout.Beside(keys[0], storage.SumOf(audio)), layout.Beside(keys[1], storage.SumOf(text))}
		}
		used[stem], c.keys = true, keys
		row := manifest.Row{Recording: r, State: manifest.Purged}
		row.Copy.Audio, row.Copy.Sidecar = put(keys[0], audio), put(keys[1], text)
		row.Copy.ArchivedAt = time.Now()
		if c.row {
			rows = append(rows, row)
		}
	}
	for _, key := range []vbc.Key{{Kind: vbc.Company, ID: 7}, {Kind: vbc.OnDemand, Owner: "745249", ID: 7}, {Kind: x.key.Kind, Owner: x.key.Owner, ID: 77}} {
		if key == x.key {
			continue
		}
		r := (&copyAt{key: key, size: 100}).recording()
		r.ID = key.ID
		stem, err := layout.Stem(r)
		must(err)
		x.others = append(x.others, stem+".mp3")
		put(stem+".mp3", []byte("another's"))
	}
	if rapid.Bool().Draw(t, "stray") { // at a start of its own
		stem, err := layout.Stem((&copyAt{key: x.key, start: 9}).recording())
		must(err)
		x.strays = []string{stem + ".json", stem + ".mp3"}
		for _, key := range x.strays {
			put(key, []byte("torn"))
		}
	}
	path := filepath.Join(dir, "m")
	must(sqlite.Create(ctx, path, func(m *sqlite.Manifest) error {
		return errors.Join(m.Bind(ctx, manifest.Binding{Account: "549825"}), m.Put(ctx, rows...))
	}))
	x.m, err = sqlite.Open(ctx, path)
	must(err)
	x.a, err = Settle(ctx, x.store, x.m, slog.New(slog.DiscardHandler), "549825", Options{})
	must(err)
}

func (x *tangle) close() error { return errors.Join(x.m.Close(), x.store.Close()) }

// left are the keys of recordings in the archive.
func (x *tangle) left(ctx context.Context, t *rapid.T) (keys []string) {
	for o, err := range x.store.List(ctx, "account=") {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, o.Key)
	}
	return keys
}

// of are the copies of one call, and the keys of all others and of strays.
func (x *tangle) of(call int) (copies []*copyAt, others []string) {
	others = slices.Concat(x.strays, x.others)
	for _, c := range x.copies {
		if c.call == call {
			copies = append(copies, c)
		} else {
			others = append(others, c.keys...)
		}
	}
	slices.Sort(others)
	return copies, others
}

// Whichever of its starts somebody names, all of the call that has it goes, and nothing
// of any other; and what doesn't say which call is meant changes nothing.
func TestEraseTakesOneCall(t *testing.T) {
	t.Parallel()
	dirs := t.TempDir()
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		ctx := context.Background()
		x := tangled(t)
		dir := filepath.Join(dirs, fmt.Sprint(n))
		n++
		x.build(ctx, t, dir)
		defer func() {
			if err := errors.Join(x.close(), os.RemoveAll(dir)); err != nil {
				t.Error(err)
			}
		}()
		pairs := 0
		for len(x.copies) > 0 {
			before := x.left(ctx, t)
			chosen := rapid.SampledFrom(x.copies).Draw(t, "chosen")
			copies, others := x.of(chosen.call)
			e := Erasure{Kind: x.key.Kind, Owner: x.key.Owner, ID: x.key.ID, Reason: "why", By: "who"}
			if pairs > 0 || len(others) > len(x.others) || !slices.ContainsFunc(copies, func(c *copyAt) bool { return c.row }) {
				x.mustAsk(ctx, t, e, before)
			}
			e.Start = startNumber(chosen.start)
			if slices.ContainsFunc(x.copies, func(c *copyAt) bool { return c.call != chosen.call && c.start == chosen.start }) {
				x.mustAsk(ctx, t, e, before)
				e.Bytes = chosen.size
			}
			yes := func(Erasable) error { return nil }
			eraser := &breaking{Eraser: dirstore.NewEraser(x.store), at: rapid.IntRange(0, 9).Draw(t, "breaks at")}
			done, err := x.a.Erase(ctx, eraser, e, yes)
			if errors.Is(err, errBreaks) {
				done, err = x.a.Erase(ctx, eraser, e, yes)
			}
			if err != nil || !slices.Equal(done.Unclear, x.strays) {
				t.Fatalf("%v; it leaves %v, want %v", err, done.Unclear, x.strays)
			}
			if left := x.left(ctx, t); !slices.Equal(left, others) {
				t.Fatalf("left: %v, want %v", left, others)
			}
			pairs += len(copies)
			x.copies = slices.DeleteFunc(x.copies, func(c *copyAt) bool { return c.call == chosen.call })
			x.mustTell(ctx, t, pairs)
		}
	})
}

// breaking is an eraser that breaks off once, instead of removing an object.
type breaking struct {
	storage.Eraser
	at int // which; 0 = none
}

var errBreaks = errors.New("it breaks off")

func (b *breaking) Erase(ctx context.Context, key string) (int, error) {
	if b.at--; b.at == 0 {
		return 0, errBreaks
	}
	return b.Eraser.Erase(ctx, key)
}

// mustAsk fails unless an erasure asks which is meant.
func (x *tangle) mustAsk(ctx context.Context, t *rapid.T, e Erasure, before []string) {
	_, err := x.a.Erase(ctx, dirstore.NewEraser(x.store), e, func(what Erasable) error {
		t.Fatalf("it would erase %v", what.Keys)
		return nil
	})
	if c := refusal.Code(err); c != code.WhichOne && !errors.Is(err, manifest.ErrUnknown) {
		t.Fatalf("it doesn't ask: %v", err)
	}
	if left := x.left(ctx, t); !slices.Equal(left, before) {
		t.Fatalf("left: %v, want %v", left, before)
	}
}

// mustTell fails unless so many erasures have their entries and their rows, and the
// other rows stand.
func (x *tangle) mustTell(ctx context.Context, t *rapid.T, pairs int) {
	entries := map[receipt.Type]int{}
	for line, err := range x.m.Receipts(ctx, 0) {
		var e receipt.Entry
		if err := errors.Join(err, json.Unmarshal(line, &e)); err != nil {
			t.Fatal(err)
		}
		entries[e.Type]++
	}
	rows, err := x.m.All(ctx, x.key)
	if err != nil {
		t.Fatal(err)
	}
	states := map[manifest.State]int{}
	for _, row := range rows {
		states[row.State]++
	}
	stand := 0
	for _, c := range x.copies {
		if c.row {
			stand++
		}
	}
	if entries[receipt.Erasing] != pairs || entries[receipt.Erased] != pairs || states[manifest.Erased] != pairs || states[manifest.Purged] != stand || len(rows) != pairs+stand {
		t.Fatalf("%v entries, %v rows; want %d erased, and %d that stand", entries, states, pairs, stand)
	}
}
