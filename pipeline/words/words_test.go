package words

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestWordsAreComparedAsPeopleRead(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                             "",
		" -- ? …":                      "",
		"Hello, World!":                "hello world",
		"don't l’appel":                "don t l appel",
		"CRÈME brûlée Straße ΣΟΦΟΣ":    "creme brulee strasse σοφοσ",
		"re\u00adsume re\u200bmark":    "resume remark",
		"ＡＢＣ１２３ ﬁne ①":                 "abc123 fine 1",
		"order 4,711.50 A-12":          "order 4 711 50 a 12",
		"電話番号はＡ１":                      "電 話 番 号 は a1",
		"สวัสดี":                       "ส วั ส ดี",
		"\u202eevil\u202c":             "evil",
		"\xff\xfebroken\xff":           "broken",
		"naïve e\u0301te\u0301":        "naive ete",
		"पानी":                         "पानी",
		"㏂ ﷺ":                          "صلىاللهعليهوسلم",
		strings.Repeat("x", 70) + " ÿ": strings.Repeat("x", 64) + " y",
	} {
		if got := Folded(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestQueriesAreReadAsTyped(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                            "[] []",
		"  ":                          "[] []",
		"refund Invoice":              "[{[refund] false} {[invoice] false}] []",
		`"cancel my  contract" now`:   "[{[cancel my contract] false} {[now] false}] []",
		`"not closed`:                 "[{[not closed] false}] []",
		"contr* don't":                "[{[contr] true} {[don t] false}] []",
		`"the con"* x`:                "[{[the con] true} {[x] false}] []",
		"a - b ?":                     "[{[a] false} {[b] false}] [- ?]",
		"twice TWICE twíce":           "[{[twice] false}] []",
		`“smart quotes” «too here»`:   "[{[smart quotes] false} {[too here] false}] []",
		`NEAR(a b) AND OR NOT ^c {d}`: "[{[near a] false} {[b] false} {[and] false} {[or] false} {[not] false} {[c] false} {[d] false}] []",
		"電*":                          "[{[電] true}] []",
	} {
		q, err := Parse(text)
		if got := fmt.Sprint(q.Terms, q.Ignored); err != nil || got != want {
			t.Errorf("%q: %s, %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"-", `"?"`, `""`, ` "`, "“ ”", "ab*", strings.Repeat("a b ", 20), "*", "ж*"} {
		q, err := Parse(text)
		if e, ok := errors.AsType[*Error](err); !ok || e.Reason == "" || e.Hint == "" || len(q.Terms) > 0 {
			t.Errorf("%q: %+v, %v", text, q, err)
		}
	}
}

func TestFoundWordsAreMarked(t *testing.T) {
	t.Parallel()
	show := func(all [][]Piece) string {
		var texts []string
		for _, pieces := range all {
			text := ""
			for _, p := range pieces {
				if p.Marked {
					p.Text = "[" + p.Text + "]"
				}
				text += p.Text
			}
			texts = append(texts, text)
		}
		return strings.Join(texts, "|")
	}
	for _, c := range []struct {
		query string
		texts []string
		want  string
	}{
		{"", []string{"nothing"}, "nothing"},
		{"refund", []string{"A Refund, no refunds."}, "A [Refund], no refunds."},
		{"refund*", []string{"A Refund, no refunds."}, "A [Refund], no [refunds]."},
		{`"my contract"`, []string{"My  contract; contract my"}, "[My  contract]; contract my"},
		{`"my contract"`, []string{"end my", "Contract. my", "other"}, "end [my]|[Contract]. my|other"},
		{`"a b" "b c"`, []string{"x a, b, c d"}, "x [a, b, c] d"},
		{`creme "the con"*`, []string{"CRÈME: the contract"}, "[CRÈME]: [the contract]"},
		{"番号", []string{"電話番号は"}, "電話[番号]は"},
		{"absent", []string{"", "x"}, "|x"},
		{"script", []string{"<script>"}, "<[script]>"},
	} {
		q, err := Parse(c.query)
		if got := show(q.Mark(c.texts...)); err != nil || got != c.want {
			t.Errorf("%q: %q, %v, want %q", c.query, got, err, c.want)
		}
	}
}

// Whatever is typed, and whatever it is looked for in: a query is read or refused, all
// of a text is shown, and it has a mark where it is found.
func FuzzQueriesAndMarks(f *testing.F) {
	for _, seed := range [][2]string{{`"a b" c* NOT`, "a b, cat"}, {"é\x00", "E\u0301"}, {`"`, ""}, {"電話 *", "電話\xff"}, {"ﷺ㏂½", "½"}, {"\u0300", "\u202e"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, typed, text string) {
		for w := range In(text) {
			for _, c := range w.Folded {
				if !unicode.In(c, unicode.L, unicode.M, unicode.N) {
					t.Fatalf("%q has %q in a word", text, c)
				}
			}
			if w.Start >= w.End || w.End > len(text) || utf8.RuneCountInString(w.Folded) > longest {
				t.Fatalf("%q has %+v", text, w)
			}
		}
		q, err := Parse(typed)
		if _, refused := errors.AsType[*Error](err); err != nil && !refused {
			t.Fatal(err)
		}
		shown, marked := "", false
		for _, p := range q.Mark(text)[0] {
			shown, marked = shown+p.Text, marked || p.Marked
		}
		if shown != text {
			t.Fatalf("%q is shown as %q", text, shown)
		}
		if len(q.Terms) > 0 && q.Matches(text) && !marked {
			t.Fatalf("%q is found in %q and not marked", typed, text)
		}
	})
}
