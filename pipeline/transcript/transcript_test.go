package transcript

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/vbcvault/vbcvault/pipeline/words"
)

// show writes segments as in "1000-2500 Agent: Hello".
func show(t Transcript) string {
	var b strings.Builder
	for _, s := range t.Segments {
		fmt.Fprintf(&b, "%d-%d %s: %s\n", s.Start, s.End, s.Speaker, s.Text)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

const twoTimed = "1000-2500 Agent: Hello there.\n3000-4200 Customer: Good morning to you."

func TestTranscriptsOfAllShapesAreRead(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ file, want string }{
		"segments in seconds": {`{"segments":[{"start":1,"end":2.5,"speaker":"Agent","text":"Hello there."},{"start":3.0,"end":4.2,"speaker":"Customer","text":"Good morning to you."}]}`, twoTimed},
		"in milliseconds":     {`{"segments":[{"start":1000,"end":2500,"speaker":"Agent","text":"Hello there."},{"start":3000,"end":4200,"speaker":"Customer","text":"Good morning to you."}]}`, twoTimed},
		"named milliseconds":  {`[{"startMs":1000,"endMs":2500,"speaker":"Agent","text":"Hello there."},{"start_ms":3000,"end_ms":"4200","speaker":{"name":"Customer"},"text":"Good morning to you."}]`, twoTimed},
		"offset and duration": {`{"recognizedPhrases":[{"offsetInTicks":10000000,"durationInTicks":15000000,"speaker":"Agent","nBest":[{"display":"Hello there."},{"display":"Hello dear."}]},
			{"offset":"PT3S","duration":"PT1.2S","speaker":"Customer","nBest":[{"confidence":0.9,"lexical":"good morning to you","display":"Good morning to you."}]}]}`, twoTimed},
		"clocks":     {`{"results":[{"start_time":"00:00:01.000","end_time":"00:00:02,500","role":"Agent","transcript":"Hello there."},{"start_time":"0:03","end_time":"00:04.2","role":"Customer","transcript":"Good morning to you."}]}`, twoTimed},
		"times":      {`{"messages":[{"timestamp":"2026-05-12T10:15:01Z","end":"2026-05-12T10:15:02.5Z","participant":"Agent","message":"Hello there."},{"timestamp":"2026-05-12T10:15:03Z","participant":"Customer","message":"Good morning."}]}`, "0-1500 Agent: Hello there.\n2000--1 Customer: Good morning."},
		"json lines": {"{\"begin\":1.0,\"duration\":1.5,\"speaker\":\"Agent\",\"utterance\":\"Hello there.\"}\n{\"begin\":3,\"duration\":1.2,\"speaker\":\"Customer\",\"utterance\":\"Good morning to you.\"}", twoTimed},
		"the whole beside its words": {`{"results":{"transcripts":[{"transcript":"Hello there. Good."}],"items":[
			{"start_time":"1.0","end_time":"1.4","speaker_label":"spk_0","alternatives":[{"confidence":"0.9","content":"Hello"}],"type":"pronunciation"},
			{"start_time":"1.5","end_time":"2.5","speaker_label":"spk_0","alternatives":[{"content":"there"}],"type":"pronunciation"},
			{"alternatives":[{"content":"."}],"type":"punctuation"},
			{"start_time":"3.0","end_time":"4.2","speaker_label":"spk_1","alternatives":[{"content":"Good"}]},{"alternatives":[{"content":"."}]}]}}`, "1000-2500 spk_0: Hello there.\n3000-4200 spk_1: Good."},
		"channels, one after the other": {`{"results":{"channels":[{"channel":0,"alternatives":[{"transcript":"Hello there.","words":[{"word":"hello","punctuated_word":"Hello","start":1.0,"end":1.4},{"word":"there","punctuated_word":"there.","start":1.5,"end":2.5}]}]},
			{"channel":1,"alternatives":[{"transcript":"Hi.","words":[{"word":"hi","punctuated_word":"Hi.","start":1.45,"end":1.6}]}]}]}}`, "1000-2500 0: Hello there.\n1450-1600 1: Hi."},
		"segments with words":   {`{"text":"Hello there.","segments":[{"start":1.0,"end":2.5,"text":" Hello there.","words":[{"word":" Hello","start":1.0,"end":1.2},{"word":" there.","start":1.3,"end":2.5}]}]}`, "1000-2500 : Hello there."},
		"groups":                {`{"Agent":[{"start":1.5,"text":"Hello"}],"customer":[{"start":2.0,"text":"Hello"}]}`, "1500--1 Agent: Hello\n2000--1 customer: Hello"},
		"seconds and nanos":     {`{"results":[{"alternatives":[{"transcript":"Hi","words":[{"startTime":{"seconds":"1","nanos":500000000},"endTime":"2s","word":"Hi","speakerTag":1}]}]}]}`, "1500-2000 1: Hi"},
		"one text":              {`{"id":12,"language":"en","text":"All of it, at once."}`, "-1--1 : All of it, at once."},
		"lines":                 {`{"transcript":["Hello","Hi"]}`, "-1--1 : Hello\n-1--1 : Hi"},
		"a text":                {`"Hello"`, "-1--1 : Hello"},
		"nothing that is known": {`{"foo":{"bar":17}}`, `-1--1 : {"foo":{"bar":17}}`},
		"broken json":           {`{"text":"Hello`, `-1--1 : {"text":"Hello`},
		"plain":                 {"Hello there.\r\n\r\n  Good morning. \n", "-1--1 : Hello there.\n-1--1 : Good morning."},
		"plain with names":      {"[00:01] Agent: Hello there.\n[00:03] Mr. O'Neill: Hi: you.\n", "1000--1 Agent: Hello there.\n3000--1 Mr. O'Neill: Hi: you."},
		"plain, not names":      {"Note: it rains.\nIt does.\nIndeed.", "-1--1 : Note: it rains.\n-1--1 : It does.\n-1--1 : Indeed."},
		"WebVTT":                {"WEBVTT\n\nNOTE nothing\n\n1\n00:01.000 --> 00:02.500 align:start\n<v Agent>Hello <i>there</i>.\n\n00:00:03.000 --> 00:00:04.200\n<v Customer>Good morning\nto you.</v>\n", "1000-2500 Agent: Hello there.\n3000-4200 Customer: Good morning\nto you."},
		"SubRip":                {"1\r\n00:00:01,000 --> 00:00:02,500\r\nHello there.\r\n\r\n2\r\n00:00:03,000 --> 00:00:04,200\r\nGood morning to you.\r\n", "1000-2500 : Hello there.\n3000-4200 : Good morning to you."},
		"empty":                 {"", ""},
		"UTF-16":                {"\xff\xfeH\x00i\x00", "-1--1 : Hi"},
		"a mark":                {"\xef\xbb\xbf{\"text\":\"Hi\"}", "-1--1 : Hi"},
		"no text at all":        {"\x00\xff\xfe\x01", "-1--1 : \x00\uFFFD\x01"},
	} {
		got := Read([]byte(c.file), 0)
		if show(got) != c.want {
			t.Errorf("%s:\n%s\nwant:\n%s", name, show(got), c.want)
		}
		if timed := strings.Contains("\n"+c.want, "\n0") || strings.Contains("\n"+c.want, "\n1"); got.Timed != timed {
			t.Errorf("%s: timed is %v", name, got.Timed)
		}
	}
}

// Where nothing else tells seconds from milliseconds, the call's length does.
func TestLengthTellsTheUnit(t *testing.T) {
	t.Parallel()
	file := []byte(`{"segments":[{"start":10,"end":300,"text":"Yes."}]}`)
	if got := show(Read(file, 310*time.Second)); got != "10000-300000 : Yes." {
		t.Error(got)
	}
	if got := show(Read(file, time.Second)); got != "10-300 : Yes." {
		t.Error(got)
	}
}

// A long file is read in a time and a room that are those of its length.
func TestHostileFilesAreReadOnce(t *testing.T) {
	t.Parallel()
	for name, file := range map[string]string{
		"nested":      strings.Repeat(`{"text":"a b","segments":[`, 90) + strings.Repeat(`]}`, 90),
		"too deep":    strings.Repeat(`[`, 1<<20),
		"many fields": "{" + strings.TrimSuffix(strings.Repeat(`"x":[{"text":"a b c"}],`, 1<<15), ",") + "}",
		"full stops":  `{"words":[` + strings.TrimSuffix(strings.Repeat(`{"word":"."},`, 1<<16), ",") + `]}`,
		"one line":    strings.Repeat("word ", 1<<18),
		"names":       strings.Repeat("a", 1<<20) + ": b",
	} {
		got := Read([]byte(file), 0)
		if n := len(got.Text()); n == 0 || n > len(file)*3 {
			t.Errorf("%s: %d bytes of %d", name, n, len(file))
		}
	}
}

// Whatever a file holds: it is read, and nothing is shown that isn't in it.
func FuzzTranscript(f *testing.F) {
	for _, seed := range []string{
		`{"segments":[{"start":1,"end":2.5,"speaker":"Agent","text":"Hello\u0021 there."}]}`, "[00:01] Agent: Hello\n", "WEBVTT\n\n00:01.000 --> 00:02.500\n<v A>b",
		`{"results":{"items":[{"start_time":"1.0","alternatives":[{"content":"Hello"}]},{"alternatives":[{"content":"."}]}]}}`, `[{"ts":"2026-05-12T10:15:01Z","text":"x"}]`,
		`{"words":[{"word":"a","startTime":{"seconds":1e400}}]}`, "\xff\xfe\x00", `{"text":"\ud800"}`, `{"offset":"PT1M","text":["a",{"text":"b"}]}`,
		"0:00 \v", "A: \u00a0\nB: \v", "00:01 --> 00:02\n<b>\n",
	} {
		f.Add([]byte(seed), int64(60))
	}
	f.Fuzz(func(t *testing.T, file []byte, length int64) {
		got := Read(file, time.Duration(length)*time.Second)
		in := map[string]bool{}
		source := decode(file)
		for _, text := range []string{source, tag.ReplaceAllString(source, "")} {
			for w := range words.In(text) {
				in[w.Folded] = true
			}
		}
		if n, ok := parse(source); ok {
			n.texts(func(s string) {
				for w := range words.In(s) {
					in[w.Folded] = true
				}
			})
		}
		timed, size := false, 0
		for _, s := range got.Segments {
			timed, size = timed || s.Start != None, size+len(s.Text)+len(s.Speaker)
			if s.Text == "" || !utf8.ValidString(s.Text+s.Speaker) || s.Start < None || s.End != None && s.End < s.Start || s.Start > longestCall.Milliseconds() {
				t.Fatalf("%q has %+v", file, s)
			}
			for _, text := range []string{s.Text, s.Speaker} {
				for w := range words.In(text) {
					if !in[w.Folded] && !strings.Contains(source, "<") {
						t.Fatalf("%q isn't in %q", w.Folded, file)
					}
				}
			}
		}
		if got.Timed != timed {
			t.Fatalf("%q: timed is %v", file, got.Timed)
		}
		if len(strings.TrimSpace(source)) > 0 && len(got.Segments) == 0 {
			t.Fatalf("nothing is shown of %q", file)
		}
	})
}

// texts calls f with all texts of a file.
func (n *node) texts(f func(string)) {
	f(n.text)
	for _, name := range n.names {
		f(name)
	}
	for _, kid := range n.kids {
		kid.texts(f)
	}
}
