package transcript

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// piece is a segment, or a word of one, before all times of the file are known.
type piece struct {
	Segment
	start, end, lasts moment

	text string
	word bool // one of many that are a word each
}

// What fields are called that say what was said, the best first; when; and who.
var (
	textNames  = []string{"text", "transcript", "transcription", "displaytext", "utterance", "sentence", "phrase", "content", "message", "punctuatedword", "word", "display", "caption", "value", "body", "lexical"}
	startNames = []string{"start", "starttime", "begin", "begintime", "offset", "startoffset", "beginoffset", "starttimestamp", "timestamp", "time", "ts", "from"}
	endNames   = []string{"end", "endtime", "endoffset", "stop", "stoptime", "until", "endtimestamp", "to"}
	lastsNames = []string{"duration", "dur"}
	whoNames   = []string{"speakername", "speaker", "speakerlabel", "participantname", "participant", "participantrole", "role", "party", "speakerid", "participantid", "speakertag", "channellabel", "channel", "channelid", "channeltag"}
	// groupNames are names of fields that hold all that one party said.
	groupNames = []string{"agent", "customer", "caller", "callee", "operator", "client", "representative"}
	// listNames are those of lists of texts.
	listNames = []string{"", "segments", "lines", "sentences", "utterances", "phrases", "results", "transcripts", "messages", "paragraphs", "monologues"}
	// eitherNames are those of lists of which each entry is another reading of the same.
	eitherNames = []string{"alternatives", "nbest", "hypotheses"}
)

// readJSON reads a transcript in JSON; ok is false if it isn't JSON or says nothing.
func readJSON(file string, length time.Duration) (segments []Segment, ok bool) {
	n, ok := parse(file)
	if !ok {
		return nil, false
	}
	pieces := collect(n, "", "")
	settle(pieces, length)
	for _, p := range join(pieces) {
		p.Text = strings.TrimSpace(p.text)
		if p.Text != "" {
			segments = append(segments, p.Segment)
		}
	}
	inOrder := !slices.ContainsFunc(segments, func(s Segment) bool { return s.Start == None })
	if inOrder { // of channels, one follows the other in the file
		slices.SortStableFunc(segments, func(a, b Segment) int { return cmp.Compare(a.Start, b.Start) })
	}
	return segments, len(segments) > 0
}

// collect finds what was said in a value: name is that of its field, who says it
// unless it says otherwise.
func collect(n *node, name, who string) []piece {
	switch {
	case n.kind == array && slices.Contains(eitherNames, name):
		for _, kid := range n.kids {
			if found := collect(kid, "", who); len(found) > 0 {
				return found
			}
		}
		return nil
	case n.kind == array:
		return ofList(n, name, who)
	case n.kind == object:
		return ofObject(n, who)
	case n.kind == text && (slices.Contains(textNames, name) || slices.Contains(listNames, name) || slices.Contains(groupNames, name)):
		return []piece{{Segment: Segment{Speaker: who}, text: n.text}}
	}
	return nil
}

// ofList is what the entries of a list say. Where each says a word, they are words.
func ofList(n *node, name, who string) (out []piece) {
	single := 0
	for _, kid := range n.kids {
		found := collect(kid, name, who)
		if len(found) == 1 && !strings.ContainsAny(strings.TrimSpace(found[0].text), " \n") {
			single++
		}
		out = append(out, found...)
	}
	words := len(out) > 0 && single == len(out) && (slices.Contains([]string{"words", "items", "tokens"}, name) || len(out) > 5)
	for i := range out {
		out[i].word = out[i].word || words
	}
	return out
}

// ofObject is what an object says: itself, or what it holds.
func ofObject(n *node, who string) []piece {
	own := piece{}
	own.start, own.end, own.lasts = n.moment(startNames), n.moment(endNames), n.moment(lastsNames)
	if s := n.speaker(); s != "" {
		who = s
	}
	own.Speaker = who
	for _, name := range textNames {
		if f := n.field(name); f != nil && f.kind == text && strings.TrimSpace(f.text) != "" {
			own.text = f.text
			break
		}
	}
	kids := n.inside(who)
	switch {
	case len(kids) == 0 && own.text == "":
		return nil
	case len(kids) == 0:
		return []piece{own}
	case own.text == "":
		return own.lend(kids)
	case own.start.unit != nothing && (kids[0].word || len(kids) == 1) && same([]piece{own}, kids):
		return []piece{own} // its words are only a closer look
	}
	return prefer(own.lend(kids), []piece{own})
}

// mostReadings is how many readings of the same an object may have.
const mostReadings = 8

// inside is what the fields of an object hold that are lists or objects. Of those that
// say the same, the one that says it best is taken.
func (n *node) inside(who string) (best []piece) {
	compared := 0
	for i, kid := range n.kids {
		name := n.plain[i]
		if kid.kind != array && kid.kind != object || slices.Contains(whoNames, name) {
			continue
		}
		by := who
		if slices.Contains(groupNames, name) && who == "" {
			by = n.names[i]
		}
		found := collect(kid, name, by)
		if len(best) > 0 && len(found) > 0 {
			compared++
		}
		if compared > mostReadings {
			best = append(best, found...)
			continue
		}
		best = prefer(best, found)
	}
	return best
}

// lend gives pieces without a time that of what they are in.
func (p piece) lend(pieces []piece) []piece {
	if p.start.unit == nothing || slices.ContainsFunc(pieces, func(k piece) bool { return k.start.unit != nothing }) {
		return pieces
	}
	for i := range pieces {
		pieces[i].start, pieces[i].end, pieces[i].lasts = p.start, p.end, p.lasts
	}
	return pieces
}

// moment is the first of some fields that has a time.
func (n *node) moment(names []string) moment {
	for _, name := range names {
		for i, has := range n.plain {
			base, of := unitOf(has)
			if base != name || n.kids[i].kind == array {
				continue
			}
			if m := momentOf(n.kids[i], of); m.unit != nothing {
				return m
			}
		}
	}
	return moment{}
}

// speaker is who an object says something is said by.
func (n *node) speaker() string {
	for _, name := range whoNames {
		f := n.field(name)
		if f != nil && f.kind == object {
			for _, name := range []string{"name", "label", "displayname", "role", "id"} {
				if of := f.field(name); of != nil && (of.kind == text || of.kind == numeric) {
					f = of
					break
				}
			}
		}
		if f != nil && (f.kind == text || f.kind == numeric) && strings.TrimSpace(f.text) != "" {
			return strings.TrimSpace(f.text)
		}
	}
	return ""
}
