package calls_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/vbcvault/vbcvault/vbc/vbctest"
	"github.com/vbcvault/vbcvault/vbc/vbctest/calls"
)

func audio(t *testing.T, c *calls.Call) []byte {
	t.Helper()
	b, err := io.ReadAll(io.NewSectionReader(c, 0, c.Size()))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Six hundred calls differ in what is said and in their audio, and each is made of
// whole frames that stand alone: that is what makes their times exact.
func TestCallsDiffer(t *testing.T) {
	t.Parallel()
	said, sums, scenes := map[string]bool{}, map[[32]byte]bool{}, map[string]bool{}
	for n := range 600 {
		c := calls.Make(n)
		b := audio(t, c)
		said[c.Text()], sums[sha256.Sum256(b)], scenes[c.Scene+" "+c.Topic] = true, true, true
		if c.Duration() < 5*time.Second || c.Duration() > 2*time.Minute {
			t.Errorf("call %d takes %s", n, c.Duration())
		}
		frames := b[:len(b)-128]
		if time.Duration(len(frames)/144)*72*time.Millisecond != c.Duration() {
			t.Fatalf("call %d has %d bytes of frames for %s", n, len(frames), c.Duration())
		}
		for at := 0; at < len(frames); at += 144 {
			// MPEG-2.5 layer III without CRC, 16 kbit/s, 8 kHz, no padding; mono; and
			// main_data_begin is 0.
			if f := frames[at:]; f[0] != 0xff || f[1] != 0xe3 || f[2] != 0x28 || f[3]>>6 != 3 || f[4] != 0 {
				t.Fatalf("call %d, byte %d: % x", n, at, f[:5])
			}
		}
	}
	if len(said) < 250 || len(sums) != 600 || len(scenes) < 15 {
		t.Errorf("%d conversations, %d recordings, %d topics", len(said), len(sums), len(scenes))
	}
}

// A transcript has all that is said in its order, and its times lie in the audio.
func TestTranscripts(t *testing.T) {
	t.Parallel()
	for n := range 60 {
		c := calls.Make(n)
		var got struct {
			Segments []struct {
				Start, End    float64
				Speaker, Text string
			}
		}
		if err := json.Unmarshal([]byte(c.Transcript()), &got); err != nil || len(got.Segments) < 6 {
			t.Fatal(n, err, c.Transcript())
		}
		last := 0.0
		for _, s := range got.Segments {
			if s.Start < last || s.End <= s.Start || s.Speaker != "Agent" && s.Speaker != "Caller" {
				t.Errorf("call %d: %+v after %v", n, s, last)
			}
			last = s.End
			if !strings.Contains(c.Text(), s.Speaker+": "+s.Text+"\n") {
				t.Errorf("call %d: the text lacks %q", n, s.Text)
			}
		}
		if last > c.Duration().Seconds() {
			t.Errorf("call %d ends after %s, and the last word at %v s", n, c.Duration(), last)
		}
	}
}

// It can be read from anywhere on, in pieces of any size, and says the caller's name.
func TestReadAt(t *testing.T) {
	t.Parallel()
	c := calls.Make(7)
	if err := iotest.TestReader(io.NewSectionReader(c, 0, c.Size()), audio(t, c)); err != nil {
		t.Error(err)
	}
	if !bytes.Equal(audio(t, c), audio(t, calls.Make(7))) {
		t.Error("the same call sounds different the second time")
	}
	first := strings.Fields(c.Name)[0]
	if !slices.ContainsFunc(c.Said, func(s calls.Said) bool { return strings.Contains(s.Text, first) }) {
		t.Errorf("nobody says %s:\n%s", first, c.Text())
	}
	if _, err := c.ReadAt(make([]byte, 1), -1); err == nil {
		t.Error("a byte in front of the first")
	}
}

// A simulated account serves a call as it is, with its true size.
func TestServed(t *testing.T) {
	t.Parallel()
	account, c := vbctest.New(vbctest.Config{}), calls.Make(3)
	account.Add(vbctest.Recording{ID: 1, Start: time.Now(), Duration: c.Duration(), Sound: c})
	r := account.Recordings()[0]
	b, err := io.ReadAll(r.Audio())
	if err != nil || !bytes.Equal(b, audio(t, c)) || r.DeclaredSize != c.Size() || r.SHA256() != sha256.Sum256(b) {
		t.Errorf("%d bytes of %d, said to be %d: %v", len(b), c.Size(), r.DeclaredSize, err)
	}
}
