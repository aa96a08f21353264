package transcript

import (
	"regexp"
	"strings"
)

var (
	cue   = regexp.MustCompile(`^\s*([0-9:]{4,12}[.,][0-9]{1,3})\s*-->\s*([0-9:]{4,12}[.,][0-9]{1,3})(?:\s.*)?$`)
	voice = regexp.MustCompile(`^<v(?:\.[^ >]*)?\s+([^>]{1,80})>`)
	tag   = regexp.MustCompile(`</?[a-z0-9:.]{1,20}(?:\s[^<>]*)?>`)
	stamp = regexp.MustCompile(`^\s*[\[(]?((?:[0-9]{1,2}:)?[0-9]{1,2}:[0-9]{2}(?:[.,][0-9]{1,3})?)[\])]?\s*[-–|]?\s+(\S.*)$`)
	named = regexp.MustCompile(`^\s*(?:\[|<)?(\p{L}[\p{L}\p{N} .'_-]{0,38}[\p{L}\p{N}.]|\p{L})(?:\]|>)?\s*:\s+(\S.*)$`)
)

// readText reads plain text, a segment per line, and subtitles.
func readText(text string) []Segment {
	lines := strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text), "\n")
	if segments := readCues(lines); len(segments) > 0 {
		return segments
	}
	speakers := mostAreNamed(lines)
	var out []Segment
	for _, line := range lines {
		// A line may have nothing after its time or its speaker but spaces that a regular
		// expression takes for text: then it is shown as it is.
		s := Segment{Start: None, End: None, Text: strings.TrimSpace(line)}
		if m := stamp.FindStringSubmatch(line); m != nil {
			at, ok := clock(m[1])
			if text := strings.TrimSpace(m[2]); ok && text != "" {
				s.Start, s.Text = int64(at*1000+0.5), text
			}
		}
		if m := named.FindStringSubmatch(s.Text); speakers && m != nil {
			if text := strings.TrimSpace(m[2]); text != "" {
				s.Speaker, s.Text = m[1], text
			}
		}
		if s.Text != "" {
			out = append(out, s)
		}
	}
	return out
}

// mostAreNamed reports whether most lines begin with who says them.
func mostAreNamed(lines []string) bool {
	are, all := 0, 0
	for _, line := range lines {
		if strings.TrimSpace(line) == "" {
			continue
		}
		all++
		if m := stamp.FindStringSubmatch(line); m != nil {
			line = m[2]
		}
		if named.MatchString(line) {
			are++
		}
	}
	return all > 0 && are*2 > all
}

// readCues reads subtitles; none if these are no subtitles.
func readCues(lines []string) (out []Segment) {
	var s *Segment
	for _, line := range lines {
		m := cue.FindStringSubmatch(line)
		if m != nil {
			start, ok := clock(m[1])
			end, too := clock(m[2])
			if ok && too && end >= start {
				out = append(out, Segment{Start: int64(start*1000 + 0.5), End: int64(end*1000 + 0.5)})
				s = &out[len(out)-1]
				continue
			}
		}
		line = strings.TrimSpace(line)
		switch {
		case line == "":
			s = nil // what follows is a number or a note, until the next cue
		case s != nil:
			if m := voice.FindStringSubmatch(line); m != nil {
				s.Speaker = strings.TrimSpace(m[1])
				line = line[len(m[0]):]
			}
			s.Text = strings.TrimSpace(s.Text + "\n" + strings.TrimSpace(tag.ReplaceAllString(line, "")))
		}
	}
	kept := out[:0]
	for _, s := range out {
		if s.Text != "" {
			kept = append(kept, s)
		}
	}
	return kept
}
