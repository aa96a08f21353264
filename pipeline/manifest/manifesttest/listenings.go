package manifesttest

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// listening is that somebody plays a recording.
func listening(r vbc.Recording, who string) manifest.Listening {
	return manifest.Listening{Kind: r.Kind, Owner: r.Owner, ID: r.ID, Nth: r.Nth, Start: r.Start, Who: who, How: manifest.Played, Why: "why", From: "192.0.2.7"}
}

func listen(t testing.TB, m Manifest, l manifest.Listening) manifest.Listening {
	t.Helper()
	l, err := m.AddListening(t.Context(), l)
	must(t, err)
	return l
}

func listenings(t testing.TB, m Manifest, q manifest.ListeningQuery) (all []manifest.Listening) {
	t.Helper()
	for l, err := range m.Listenings(t.Context(), q) {
		must(t, err)
		all = append(all, l)
	}
	return all
}

func listeningTexts(t testing.TB, m Manifest) (all []manifest.ListeningRecord) {
	t.Helper()
	for r, err := range m.ListeningTexts(t.Context()) {
		must(t, err)
		all = append(all, r)
	}
	return all
}

// learn has so many of texts learned, as of receipts of a chain.
func learn(t testing.TB, m Manifest, chain string, want int64, texts ...[]byte) {
	t.Helper()
	var all []manifest.ListeningRecord
	for i, text := range texts {
		all = append(all, manifest.ListeningRecord{Seq: int64(i + 1), Text: text})
	}
	if n, err := m.LearnListenings(t.Context(), chain, all...); err != nil || n != want {
		t.Errorf("%d were learned, want %d: %v", n, want, err)
	}
}

// What AddListening has returned is there in full, follows on what was written before,
// and is signed with the manifest's key.
func listeningsFollowOneAnother(t *testing.T, places Places) {
	m, p := bound(t, places)
	key, err := m.SigningKey()
	must(t, err)
	own, err := receipt.NewKeys(key.Verifier())
	must(t, err)
	beside, err := p.Beside(t.Context())
	must(t, err)
	defer beside.Close()
	var wg sync.WaitGroup
	for i := range int64(20) {
		wg.Go(func() {
			if _, err := []Manifest{m, beside}[i%2].AddListening(t.Context(), listening(recording(1+i, day), "eve")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	last := listen(t, m, listening(recording(99, day), "bob"))
	must(t, m.Close())
	m = open(t, p, nil)
	var prev storage.Digest
	all := listeningTexts(t, m)
	for i, r := range all {
		l, err := r.Listening()
		if err != nil || l.Prev != prev || !r.Intact || r.Number != int64(i+1) || !own.Listening(r.Digest, r.Signed) || l.Account != account || l.Nonce == "" {
			t.Fatalf("%+v, %+v, %v", r, l, err)
		}
		prev = r.Digest
	}
	if len(all) != 21 || prev != last.Digest || last.Who != "bob" || time.Since(last.At).Abs() > time.Hour {
		t.Errorf("%d entries, the last one is %+v", len(all), last)
	}
}

// One session of playing is one entry, however often it is said.
func oneSessionIsOneListening(t *testing.T, places Places) {
	m := fresh(t, places)
	l := listening(recording(1, day), "eve")
	l.Session = "s"
	first := listen(t, m, l)
	if again := listen(t, m, l); again.Number != first.Number || again.Digest != first.Digest || !again.At.Equal(first.At) {
		t.Errorf("%+v, and again %+v", first, again)
	}
	for _, other := range []func(l *manifest.Listening){
		func(l *manifest.Listening) { l.ID = 2 }, func(l *manifest.Listening) { l.Nth = 1 }, func(l *manifest.Listening) { l.Who = "bob" },
		func(l *manifest.Listening) { l.How = manifest.Downloaded }, func(l *manifest.Listening) { l.Session = "t" }, func(l *manifest.Listening) { l.Session = "" },
		func(l *manifest.Listening) { l.Session = "" },
	} {
		o := l
		other(&o)
		o = listen(t, m, o)
		if n := len(listeningTexts(t, m)); o.Number != int64(n) || n == 1 {
			t.Errorf("%+v is one of %d", o, n)
		}
	}
	if n := len(listeningTexts(t, m)); n != 8 {
		t.Errorf("%d entries", n)
	}
}

// What names no recording, nobody, or no way of hearing it isn't written down: nobody
// could add its receipt.
func listeningsSayWhoAndWhat(t *testing.T, places Places) {
	m := fresh(t, places)
	for name, wrong := range map[string]func(l *manifest.Listening){
		"id": func(l *manifest.Listening) { l.ID = 0 }, "kind": func(l *manifest.Listening) { l.Kind = "x" },
		"who": func(l *manifest.Listening) { l.Who = "" }, "how": func(l *manifest.Listening) { l.How = "hummed" },
	} {
		l := listening(recording(1, day), "eve")
		wrong(&l)
		if _, err := m.AddListening(t.Context(), l); err == nil {
			t.Errorf("%s: written down", name)
		}
	}
	for _, how := range manifest.Hows {
		l := listening(recording(1, day), "eve")
		l.How = how
		listen(t, m, l)
	}
	long := listening(recording(1, day), "eve")
	long.Why = strings.Repeat("é", manifest.MaxWhy)
	if why := listen(t, m, long).Why; why != strings.Repeat("é", manifest.MaxWhy/2) {
		t.Errorf("%d bytes of why are kept", len(why))
	}
	if n := len(listeningTexts(t, m)); n != 1+len(manifest.Hows) {
		t.Errorf("%d entries", n)
	}
}

// Where the entry can't be committed, or nobody knows whether it was, whoever asked is
// told so; and the same session finds it again if it was.
func listeningThatIsNotCommitted(t *testing.T, places Places) {
	for _, lost := range []bool{true, false} {
		full := false
		p := places(t)
		m := open(t, p, func(commit func() error) error {
			if !full {
				return commit()
			}
			if !lost {
				must(t, commit())
			}
			return errors.New("the disk is full")
		})
		must(t, m.Bind(t.Context(), manifest.Binding{Account: account}))
		l := listening(recording(1, day), "eve")
		l.Session = "s"
		full = true
		_, err := m.AddListening(t.Context(), l)
		if _, ok := errors.AsType[*manifest.WriteError](err); !ok {
			t.Errorf("lost: %v: %v", lost, err)
		}
		full = false
		listen(t, m, l)
		if n := len(listeningTexts(t, m)); n != 1 {
			t.Errorf("lost: %v: %d entries", lost, n)
		}
	}
}

// Each gets one receipt, in the order in which they were written, and is stored once.
func listeningsAreNotedAndStoredOnce(t *testing.T, places Places) {
	m := fresh(t, places)
	for i := range int64(3) {
		listen(t, m, listening(recording(1+i, day), "eve"))
	}
	for range 2 {
		refused, err := m.RefuseListenings(t.Context())
		if err != nil || refused != 0 {
			t.Fatal(refused, err)
		}
		must(t, m.NoteListenings(t.Context(), 4))
	}
	var seqs []int64
	for line, err := range m.Receipts(t.Context(), 0) {
		must(t, err)
		e := entry(t, line)
		if e.Type != receipt.Listened || e.ID != e.Seq || e.Run != 4 || e.Kind != vbc.Company || !e.Start.Equal(day) || strings.Contains(string(line), "eve") {
			t.Errorf("%s", line)
		}
		if r := listeningTexts(t, m)[e.Seq-1]; r.Digest != e.Digest || r.Seq != e.Seq || r.Run != 4 {
			t.Errorf("%+v", r)
		}
		seqs = append(seqs, e.Seq)
	}
	unstored := func() (all []int64) {
		for r, err := range m.UnstoredListenings(t.Context()) {
			must(t, err)
			all = append(all, r.Seq)
		}
		return all
	}
	if got := unstored(); len(seqs) != 3 || !slices.Equal(got, seqs) {
		t.Errorf("%v have receipts, %v are to be stored", seqs, got)
	}
	first := manifest.ListeningBundle{First: 1, Last: 2, Sum: storage.SumOf([]byte("a"))}
	for range 2 {
		must(t, m.ListeningsStored(t.Context(), first))
	}
	if all, err := m.ListeningBundles(t.Context()); err != nil || !slices.Equal(all, []manifest.ListeningBundle{first}) {
		t.Errorf("%+v, %v", all, err)
	}
	var second []int64
	for r, err := range m.NotedListenings(t.Context(), 2, 3) {
		must(t, err)
		second = append(second, r.Seq)
	}
	if !slices.Equal(second, []int64{2, 3}) {
		t.Errorf("%v", second)
	}
	listen(t, m, listening(recording(9, day), "eve"))
	if got := unstored(); !slices.Equal(got, []int64{3}) {
		t.Errorf("%v are to be stored", got)
	}
}

// An entry that another manifest has written, or of which only the receipt is known, is
// learned from the archive, and gets no second receipt.
func listeningsOfTheArchive(t *testing.T, places Places) {
	from, m := fresh(t, places), fresh(t, places)
	add(t, m, 1, recording(1, day))
	l := listening(recording(1, day), "eve")
	l.Nth = 3
	l = listen(t, from, l)
	must(t, from.NoteListenings(t.Context(), 1))
	chain, err := from.Chain(t.Context())
	must(t, err)
	text := listeningTexts(t, from)[0].Text
	learn(t, m, chain.ID, 1, text, text, []byte("torn"), []byte(`{"who":"eve"}`))
	learn(t, m, chain.ID, 0, text)
	got := listenings(t, m, manifest.ListeningQuery{})
	if len(got) != 1 || got[0].Nth != 0 || got[0].Digest != l.Digest || got[0].Who != "eve" || got[0].Doubtful {
		t.Errorf("%+v", got)
	}
	must(t, m.NoteListenings(t.Context(), 1))
	if c, err := m.Chain(t.Context()); err != nil || c.Last != 0 {
		t.Errorf("%+v, %v", c, err)
	}
	if next := listen(t, m, listening(recording(1, day), "bob")); !next.Prev.IsZero() {
		t.Errorf("the manifest's own follow on another's: %+v", next)
	}
}

// A manifest that was restored from an older copy has the receipts of the archive, and
// then the texts.
func listeningsTakenOver(t *testing.T, places Places) {
	p := places(t)
	m := open(t, p, nil)
	must(t, m.Bind(t.Context(), manifest.Binding{Account: account}))
	c, err := m.Chain(t.Context())
	must(t, err)
	text := []byte(`{"prev":"","nonce":"n","account":"` + account + `","kind":"company","id":7,"start":"2026-05-12T10:15:00Z","at":"2026-06-01T00:00:00Z","who":"eve","how":"download","from":"x"}`)
	e := receipt.New(receipt.Listened, 3, recording(7, day))
	e.Digest = storage.SumOf(text)
	line, err := c.Seal(e)
	must(t, err)
	var tree receipt.Tree
	tree.Add(line)
	must(t, m.TakeOver(t.Context(), append(line, '\n'), tree, nil))
	if unread, err := m.UnreadListenings(t.Context()); err != nil || !slices.Equal(unread, []int64{1}) {
		t.Errorf("%v, %v", unread, err)
	}
	if got := listenings(t, m, manifest.ListeningQuery{IDs: []int64{7}}); len(got) != 1 || !got[0].Doubtful || got[0].Who != "" {
		t.Errorf("%+v", got)
	}
	learn(t, m, c.ID, 0, bytes.Replace(text, []byte("eve"), []byte("bob"), 1)) // which no receipt names
	learn(t, m, c.ID, 1, text, []byte("torn"))
	if unread, err := m.UnreadListenings(t.Context()); err != nil || len(unread) > 0 {
		t.Errorf("%v, %v", unread, err)
	}
	got, rows := listenings(t, m, manifest.ListeningQuery{Who: "eve", How: manifest.Downloaded}), listeningTexts(t, m)
	if len(got) != 1 || got[0].Doubtful || len(rows) != 1 || rows[0].Log != "" || rows[0].Seq != 1 || !rows[0].Stored {
		t.Errorf("%+v, %+v", got, rows)
	}
}

// A query has what it selects and nothing else, the newest first, page by page; and no
// more than what is in its scope.
func listeningsAreFound(t *testing.T, places Places) {
	m := fresh(t, places)
	one := vbc.ParseRecording(vbc.Company, "", []byte(`{"id":1,"start":"2026-05-12T10:15:00+0000","extensions":["101","7"]}`))
	two := vbc.ParseRecording(vbc.Company, "", []byte(`{"id":2,"start":"2026-05-13T10:15:00+0000","extensions":["102"]}`))
	odd := vbc.ParseRecording(vbc.Company, "", []byte(`{"id":3,"start":"2026-05-14T10:15:00+0000","extensions":["101"],"Extensions":["102"]}`))
	add(t, m, 1, one, two, odd)
	for _, r := range []vbc.Recording{one, two, odd, recording(4, day)} {
		listen(t, m, listening(r, "eve"))
		l := listening(r, "bob")
		l.How, l.Owner = manifest.Exported, r.Owner
		listen(t, m, l)
	}
	key, now := one.Key(), time.Now()
	for name, c := range map[string]struct {
		q    manifest.ListeningQuery
		want []int64 // numbers
	}{
		"all":     {manifest.ListeningQuery{}, []int64{8, 7, 6, 5, 4, 3, 2, 1}},
		"key":     {manifest.ListeningQuery{Key: &key}, []int64{2, 1}},
		"nth":     {manifest.ListeningQuery{Key: &key, Nth: 1}, nil},
		"ids":     {manifest.ListeningQuery{IDs: []int64{4, 2}}, []int64{8, 7, 4, 3}},
		"who":     {manifest.ListeningQuery{Who: "bob"}, []int64{8, 6, 4, 2}},
		"nobody":  {manifest.ListeningQuery{Who: "bo"}, nil},
		"how":     {manifest.ListeningQuery{How: manifest.Played, Limit: 2}, []int64{7, 5}},
		"before":  {manifest.ListeningQuery{Who: "eve", Before: 5}, []int64{3, 1}},
		"since":   {manifest.ListeningQuery{Since: now.Add(time.Hour)}, nil},
		"until":   {manifest.ListeningQuery{Until: now.Add(-time.Hour)}, nil},
		"day":     {manifest.ListeningQuery{Since: now.Add(-time.Hour), Until: now.Add(time.Hour), Limit: 1}, []int64{8}},
		"of 101":  {manifest.ListeningQuery{Scope: manifest.Scope{Extensions: []string{"101"}}}, []int64{6, 5, 2, 1}},
		"of 7":    {manifest.ListeningQuery{Scope: manifest.Scope{Extensions: []string{"7"}}}, []int64{2, 1}},
		"of 0":    {manifest.ListeningQuery{Scope: manifest.Scope{Extensions: []string{"0", "", ","}}}, nil},
		"of 102":  {manifest.ListeningQuery{Scope: manifest.Scope{Extensions: []string{"102", "x"}}}, []int64{6, 5, 4, 3}},
		"of none": {manifest.ListeningQuery{Scope: manifest.Scope{Extensions: []string{}}}, nil},
		"younger": {manifest.ListeningQuery{Scope: manifest.Scope{Since: day.Add(24 * time.Hour)}}, []int64{6, 5, 4, 3}},
		"both":    {manifest.ListeningQuery{Who: "bob", Scope: manifest.Scope{Extensions: []string{"102"}, Since: day.Add(48 * time.Hour)}}, []int64{6}},
	} {
		var got []int64
		for _, l := range listenings(t, m, c.q) {
			got = append(got, l.Number)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	counts, err := m.Listened(t.Context(), now.Add(-time.Hour), now.Add(time.Hour))
	var sum int64
	for _, c := range counts {
		sum += c.Times
	}
	if err != nil || sum != 8 || counts[0].Who != "bob" || counts[0].How != manifest.Exported {
		t.Errorf("%+v, %v", counts, err)
	}
	if counts, err := m.Listened(t.Context(), now.Add(time.Hour), time.Time{}); err != nil || len(counts) != 0 {
		t.Errorf("%+v, %v", counts, err)
	}
}
