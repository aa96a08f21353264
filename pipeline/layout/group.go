package layout

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// Group is what lies under one recording's stem; or, without a stem, one
// object that belongs to no recording.
type Group struct {
	Stem        string
	Recording   vbc.Recording // as far as the stem tells
	Sidecars    []storage.Object
	Audios      []storage.Object
	Transcripts []storage.Object
}

// Add takes in an object that lies under the stem.
func (g *Group) Add(o storage.Object) {
	switch {
	case IsTranscript(g.Stem, o.Key):
		g.Transcripts = append(g.Transcripts, o)
	case path.Ext(o.Key) == ".json":
		g.Sidecars = append(g.Sidecars, o)
	default:
		g.Audios = append(g.Audios, o)
	}
}

// Objects is everything in the group.
func (g *Group) Objects() iter.Seq[storage.Object] {
	return func(yield func(storage.Object) bool) {
		for _, part := range [][]storage.Object{g.Sidecars, g.Audios, g.Transcripts} {
			for _, o := range part {
				if !yield(o) {
					return
				}
			}
		}
	}
}

// Grouped puts together what belongs to one recording. In the order of keys
// that lies together, since what ends a stem comes before all digits: one group
// is in memory, however many objects there are.
func Grouped(objects iter.Seq2[storage.Object, error]) iter.Seq2[Group, error] {
	return func(yield func(Group, error) bool) {
		var g Group
		for o, err := range objects {
			if err != nil {
				yield(Group{}, err)
				return
			}
			rec, base, ok := ParseKey(o.Key)
			if !ok {
				base = ""
			}
			if base == "" || base != g.Stem {
				if g.Stem != "" && !yield(g, nil) {
					return
				}
				g = Group{Stem: base, Recording: rec}
			}
			g.Add(o)
			if base == "" {
				if !yield(g, nil) {
					return
				}
				g = Group{}
			}
		}
		if g.Stem != "" {
			yield(g, nil)
		}
	}
}

const maxTranscript = 64 << 20 // bytes

// Said is what one sidecar says.
type Said struct {
	Object    storage.Object // with the Content that was read
	Sidecar   Sidecar
	Recording vbc.Recording
	Wrong     error // why it can't be used; nil if it can
}

// Read reads the sidecars and transcripts of a group. The error says that the
// store can't be asked.
func (g *Group) Read(ctx context.Context, store storage.Store) (all []Said, err error) {
	whole := g.Transcripts[:0:0]
	for _, o := range g.Transcripts {
		text, err := Read(ctx, store, o, maxTranscript)
		if Unreadable(err) {
			continue // whoever needs it misses it
		}
		if err != nil {
			return nil, err
		}
		o.Content = storage.Content{Size: int64(len(text)), SHA256: storage.SumOf(text)}
		if mayBeTranscript(o, text) {
			whole = append(whole, o)
		}
	}
	// The digest in a name says more than anything: what lies beside comes last.
	slices.SortStableFunc(whole, func(a, b storage.Object) int { return cmp.Compare(len(DigitsIn(a.Key)), len(DigitsIn(b.Key))) })
	g.Transcripts = whole
	for _, o := range g.Sidecars {
		s, err := ReadSidecar(ctx, store, g.Stem, o)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// ReadSidecar reads one sidecar under a stem, or one version of it. The error says
// that the store can't be asked.
func ReadSidecar(ctx context.Context, store storage.Store, stem string, o storage.Object) (Said, error) {
	s := Said{Object: o}
	body, err := Read(ctx, store, o, maxSidecar)
	switch {
	case Unreadable(err):
		s.Wrong = err
	case err != nil:
		return s, err
	default:
		s.Object.Content = storage.Content{Size: int64(len(body)), SHA256: storage.SumOf(body)}
		s.Wrong = s.parse(stem, body)
	}
	return s, nil
}

// mayBeTranscript reports whether a text may be what was stored as a transcript.
// Where nothing says what its digest was, this is all that shows damage.
func mayBeTranscript(o storage.Object, text []byte) bool {
	switch {
	case !utf8.Valid(text), !strings.HasPrefix(o.SHA256.String(), DigitsIn(o.Key)):
		return false
	case path.Ext(o.Key) == ".json":
		return json.Valid(text)
	}
	return len(bytes.TrimSpace(text)) > 0 && !bytes.ContainsAny(text, "\x00")
}

// parse reads a sidecar's text. What it says must be of the recording whose
// place this is.
func (s *Said) parse(base string, body []byte) error {
	if err := json.Unmarshal(body, &s.Sidecar); err != nil {
		return fmt.Errorf("it is not a metadata file of vbcvault: %w", err)
	}
	if s.Sidecar.Format != SidecarFormat {
		return fmt.Errorf("this program does not know its format %d", s.Sidecar.Format)
	}
	has := s.Sidecar
	s.Recording = vbc.ParseRecording(has.Kind, has.Owner, has.Recording)
	if s.Recording.Unreadable != "" {
		return fmt.Errorf("the recording in it can't be read: %s", s.Recording.Unreadable)
	}
	s.Recording.Account, s.Recording.Owner = has.Account, has.Owner
	if at, err := Stem(s.Recording); err != nil || at != base {
		return errors.New("it describes another recording than its name says")
	}
	if !(storage.Content{Size: has.Size, SHA256: has.SHA256}).Proven() {
		return errors.New("it doesn't describe the audio")
	}
	return nil
}

// Pairs pairs a sidecar with each audio that it may go with.
func (g *Group) Pairs(s Said) (candidates []manifest.Copy) {
	var transcript storage.Object
	if n := len(g.Transcripts); n > 0 {
		transcript = g.Transcripts[n-1]
	}
	for _, a := range g.Audios {
		if a.Size == s.Sidecar.Size {
			a.SHA256 = s.Sidecar.SHA256
			candidates = append(candidates, manifest.Copy{Audio: a, Sidecar: s.Object, Transcript: transcript, StoredAt: s.Sidecar.ArchivedAt})
		}
	}
	return candidates
}
