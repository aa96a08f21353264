package pipeline

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

// group is what lies under one recording's stem; or, without a stem, one
// object that belongs to no recording.
type group struct {
	stem        string
	recording   vbc.Recording // as far as the stem tells
	sidecars    []storage.Object
	audios      []storage.Object
	transcripts []storage.Object
}

func (g *group) add(o storage.Object) {
	switch {
	case isTranscript(g.stem, o.Key):
		g.transcripts = append(g.transcripts, o)
	case path.Ext(o.Key) == ".json":
		g.sidecars = append(g.sidecars, o)
	default:
		g.audios = append(g.audios, o)
	}
}

// objects is everything in the group.
func (g *group) objects() iter.Seq[storage.Object] {
	return func(yield func(storage.Object) bool) {
		for _, part := range [][]storage.Object{g.sidecars, g.audios, g.transcripts} {
			for _, o := range part {
				if !yield(o) {
					return
				}
			}
		}
	}
}

// grouped puts together what belongs to one recording. In the order of keys
// that lies together, since what ends a stem comes before all digits: one group
// is in memory, however many objects there are.
func grouped(objects iter.Seq2[storage.Object, error]) iter.Seq2[group, error] {
	return func(yield func(group, error) bool) {
		var g group
		for o, err := range objects {
			if err != nil {
				yield(group{}, err)
				return
			}
			rec, base, ok := parseKey(o.Key)
			if !ok {
				base = ""
			}
			if base == "" || base != g.stem {
				if g.stem != "" && !yield(g, nil) {
					return
				}
				g = group{stem: base, recording: rec}
			}
			g.add(o)
			if base == "" {
				if !yield(g, nil) {
					return
				}
				g = group{}
			}
		}
		if g.stem != "" {
			yield(g, nil)
		}
	}
}

// said is what one sidecar says.
type said struct {
	object    storage.Object // with the Content that was read
	sidecar   sidecar
	recording vbc.Recording
	wrong     error // why it can't be used; nil if it can
}

// read reads the sidecars and transcripts of a group. The error says that the
// store can't be asked.
func (g *group) read(ctx context.Context, store storage.Store) (all []said, err error) {
	whole := g.transcripts[:0:0]
	for _, o := range g.transcripts {
		text, err := readObject(ctx, store, o, maxStoredTranscript)
		if unreadable(err) {
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
	slices.SortStableFunc(whole, func(a, b storage.Object) int { return cmp.Compare(len(digitsIn(a.Key)), len(digitsIn(b.Key))) })
	g.transcripts = whole
	for _, o := range g.sidecars {
		s := said{object: o}
		body, err := readObject(ctx, store, o, maxSidecar)
		switch {
		case unreadable(err):
			s.wrong = err
		case err != nil:
			return nil, err
		default:
			s.object.Content = storage.Content{Size: int64(len(body)), SHA256: storage.SumOf(body)}
			s.wrong = s.parse(g.stem, body)
		}
		all = append(all, s)
	}
	return all, nil
}

// mayBeTranscript reports whether a text may be what was stored as a transcript.
// Where nothing says what its digest was, this is all that shows damage.
func mayBeTranscript(o storage.Object, text []byte) bool {
	switch {
	case !utf8.Valid(text), !strings.HasPrefix(o.SHA256.String(), digitsIn(o.Key)):
		return false
	case path.Ext(o.Key) == ".json":
		return json.Valid(text)
	}
	return len(bytes.TrimSpace(text)) > 0 && !bytes.ContainsAny(text, "\x00")
}

// unreadable reports whether an error is about this object alone, and lasts.
// What lies in cold storage has to be thawed first: it may say anything.
func unreadable(err error) bool {
	return errors.Is(err, errTooLarge) || errors.Is(err, storage.ErrNotFound)
}

// parse reads a sidecar's text. What it says must be of the recording whose
// place this is.
func (s *said) parse(base string, body []byte) error {
	if err := json.Unmarshal(body, &s.sidecar); err != nil {
		return fmt.Errorf("it is not a metadata file of vbcvault: %w", err)
	}
	if s.sidecar.Format != 1 {
		return fmt.Errorf("this program does not know its format %d", s.sidecar.Format)
	}
	has := s.sidecar
	s.recording = vbc.ParseRecording(has.Kind, has.Owner, has.Recording)
	if s.recording.Unreadable != "" {
		return fmt.Errorf("the recording in it can't be read: %s", s.recording.Unreadable)
	}
	s.recording.Account, s.recording.Owner = has.Account, has.Owner
	if at, err := stem(s.recording); err != nil || at != base {
		return errors.New("it describes another recording than its name says")
	}
	if !(storage.Content{Size: has.Size, SHA256: has.SHA256}).Proven() {
		return errors.New("it doesn't describe the audio")
	}
	return nil
}

// pairs pairs a sidecar with each audio that it may go with.
func (g *group) pairs(s said) (candidates []manifest.Copy) {
	var transcript storage.Object
	if n := len(g.transcripts); n > 0 {
		transcript = g.transcripts[n-1]
	}
	for _, a := range g.audios {
		if a.Size == s.sidecar.Size {
			a.SHA256 = s.sidecar.SHA256
			candidates = append(candidates, manifest.Copy{Audio: a, Sidecar: s.object, Transcript: transcript, StoredAt: s.sidecar.ArchivedAt})
		}
	}
	return candidates
}
