// Package calls has telephone calls to listen to: real speech, with a transcript that
// says exactly when each sentence is heard. Few sentences make many different calls: of
// a scene (somebody calls a pharmacy) each step is chosen by the call's number.
//
// Clips are joined by their frames, each of which stands alone, so a call is an MP3 and
// its times are counts of frames. lines.txt has the sentences, and make.sh makes the
// rest of them.
package calls

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

//go:embed lines.txt
var linesText string

//go:embed frames.txt
var framesText string

//go:embed calls.mp3
var speech string

const (
	frameSize = 144                   // bytes
	frameTime = 72 * time.Millisecond // 576 samples of 8,000 a second
	tagSize   = 128                   // of an ID3v1 tag, at the end
)

// clip is a part of the speech.
type clip struct{ from, frames int }

// line is a sentence that somebody says.
type line struct {
	step, about string // about: which topic
	speaker     string
	text        string
	clip        clip
}

// scene is what calls of a kind are made of.
type scene struct {
	name, direction string
	extensions      []string
	who             []person
	lines           []line
}

type person struct{ number, name string }

// of are the lines of a step.
func (s *scene) of(step, about string) (all []line) {
	for _, l := range s.lines {
		if l.step == step && l.about == about {
			all = append(all, l)
		}
	}
	return all
}

// topics are what somebody may call about, in the order of lines.txt.
func (s *scene) topics() (all []string) {
	for _, l := range s.lines {
		if l.step == "topic" && !slices.Contains(all, l.about) {
			all = append(all, l.about)
		}
	}
	return all
}

var pause, music, scenes = read()

// read reads what make.sh has read and made. A mistake in it is one of the program.
func read() (pause, music clip, scenes []*scene) {
	at, frames := 0, strings.Fields(framesText)
	next := func() clip {
		n, err := strconv.Atoi(frames[0])
		if err != nil {
			panic(err)
		}
		c := clip{at, n}
		at, frames = at+n*frameSize, frames[1:]
		return c
	}
	pause, music = next(), next()
	for text := range strings.Lines(linesText) {
		words, s := strings.Fields(text), &scene{}
		if len(scenes) > 0 {
			s = scenes[len(scenes)-1]
		}
		switch {
		case len(words) == 0 || words[0] == "#" || words[0] == "#\n":
		case words[0] == "scene":
			scenes = append(scenes, &scene{name: words[1], direction: words[2], extensions: strings.Split(words[3], ",")})
		case words[0] == "who":
			s.who = append(s.who, person{words[1], strings.Join(words[2:], " ")})
		default:
			part := strings.Split(strings.TrimSpace(text), " | ")
			step, about, _ := strings.Cut(part[0], " ")
			s.lines = append(s.lines, line{step, about, part[1], part[2], next()})
		}
	}
	if at != len(speech) || len(frames) > 0 {
		panic("lines.txt has changed since make.sh was run")
	}
	return pause, music, scenes
}

// Call is one call. It doesn't change, and may be read concurrently.
type Call struct {
	Scene     string // what it is about, as in "pharmacy"
	Topic     string // and more exactly, as in "refill"
	Direction string // as VBC writes it
	Extension string // of ours who speaks
	Number    string // of the other, in digits
	Name      string // of the other, as they say it
	Said      []Said // in order
	clips     []clip // the audio
	starts    []int  // in which frame each begins
	frames    int    // of all
	tag       []byte // which tells its audio from all others
}

// Said is a sentence with its time in the call.
type Said struct {
	Start, End time.Duration
	Speaker    string // "Agent" or "Caller"
	Text       string
}

// choice takes a decision out of n.
func choice[T any](n *int, of []T) T {
	c := of[*n%len(of)]
	*n /= len(of)
	return c
}

// often are scenes by their places in lines.txt, the longer ones more often.
var often = []int{0, 1, 2, 3, 4, 0, 1, 2, 3, 5}

func count(all []int, of int) (n int) {
	for _, i := range all {
		if i == of {
			n++
		}
	}
	return n
}

// Make makes a call; with the same number always the same one. The audio of no two
// numbers is the same; the first few hundred that follow each other say different things.
func Make(n int) *Call {
	name := "simulated call " + strconv.Itoa(n)
	which := often[n%len(often)]
	s := scenes[which]
	n = n/len(often)*count(often, which) + count(often[:n%len(often)], which) // the how manieth of its scene
	p := n % len(s.who)
	who := choice(&n, s.who)
	c := &Call{
		Scene: s.name, Topic: choice(&n, s.topics()), Direction: s.direction, Number: who.number, Name: who.name,
		tag: make([]byte, tagSize),
	}
	copy(c.tag, "TAG"+name)
	second := choice(&n, append(slices.DeleteFunc(s.topics(), func(t string) bool { return t == c.Topic }), ""))
	waits, asks := choice(&n, []int{0, 2, 5}), choice(&n, []bool{true, false})
	h := fnv.New32a()
	h.Write([]byte(name))
	c.Extension = s.extensions[int(h.Sum32())%len(s.extensions)]

	open, call := s.of("open", "")[0], s.of("name", "")[p]
	if s.direction == "OUTBOUND" {
		open, call = call, open
	}
	c.say(open, 1)
	c.say(call, 2)
	topic := s.of("topic", c.Topic)
	c.say(topic[0], 2)
	if ask := s.of("ask", ""); asks && len(ask) > 0 {
		c.say(ask[0], 2)
		c.say(s.of("check", "")[p], 2)
	}
	if wait := s.of("wait", ""); waits > 0 && len(wait) > 0 {
		c.say(wait[0], 1)
		for range waits {
			c.add(music)
		}
		c.say(s.of("back", "")[0], 1)
	}
	for _, l := range topic[1:] {
		c.say(l, 2)
	}
	if second != "" {
		c.say(s.of("more", "")[0], 0)
		for _, l := range s.of("topic", second) {
			c.say(l, 2)
		}
	}
	c.say(s.of("thanks", "")[0], 2)
	c.say(s.of("bye", "")[0], 1)
	return c
}

// say adds a sentence and so many pauses.
func (c *Call) say(l line, pauses int) {
	from := c.frames
	c.add(l.clip)
	speaker := strings.ToUpper(l.speaker[:1]) + l.speaker[1:]
	c.Said = append(c.Said, Said{frameTime * time.Duration(from), frameTime * time.Duration(c.frames), speaker, l.text})
	for range pauses {
		c.add(pause)
	}
}

func (c *Call) add(k clip) {
	c.clips, c.starts = append(c.clips, k), append(c.starts, c.frames)
	c.frames += k.frames
}

// Duration is how long it is.
func (c *Call) Duration() time.Duration { return frameTime * time.Duration(c.frames) }

// Size is how many bytes its audio has.
func (c *Call) Size() int64 { return int64(c.frames*frameSize + tagSize) }

// ReadAt reads its audio: an MP3 that differs from that of all other numbers. It
// implements io.ReaderAt.
func (c *Call) ReadAt(p []byte, at int64) (n int, err error) {
	if at < 0 {
		return 0, fmt.Errorf("read a simulated call from byte %d", at)
	}
	for n < len(p) && at < c.Size() {
		var part string
		if rest := at - int64(c.frames*frameSize); rest >= 0 {
			part = string(c.tag[rest:])
		} else {
			i, found := slices.BinarySearch(c.starts, int(at/frameSize))
			if !found {
				i--
			}
			k := c.clips[i]
			part = speech[k.from+int(at)-c.starts[i]*frameSize : k.from+k.frames*frameSize]
		}
		m := copy(p[n:], part)
		n, at = n+m, at+int64(m)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// segment is a sentence in the JSON of a transcript.
type segment struct {
	Start   float64 `json:"start"` // seconds
	End     float64 `json:"end"`
	Speaker string  `json:"speaker"`
	Text    string  `json:"text"`
}

// Transcript is what is said, as JSON with the times.
func (c *Call) Transcript() string {
	var t struct {
		Segments []segment `json:"segments"`
	}
	for _, s := range c.Said {
		t.Segments = append(t.Segments, segment{s.Start.Seconds(), s.End.Seconds(), s.Speaker, s.Text})
	}
	b, err := json.Marshal(t)
	if err != nil {
		panic(err) // strings and numbers
	}
	return string(b)
}

// Text is what is said, as plain text without times.
func (c *Call) Text() string {
	var b strings.Builder
	for _, s := range c.Said {
		fmt.Fprintf(&b, "%s: %s\n", s.Speaker, s.Text)
	}
	return b.String()
}
