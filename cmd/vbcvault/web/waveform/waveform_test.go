package waveform_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/waveform"
)

const speech = "../../../../vbc/vbctest/audio/speech.mp3" // of telephony: 8 kHz, MPEG-2.5

// decoded is how loud each tenth of a second of a file is that was decoded; see
// testdata/make.sh.
func decoded(t *testing.T, name string) (levels []float64) {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name+".levels"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		v, err := strconv.ParseFloat(lines.Text(), 64)
		if err != nil {
			t.Fatal(err)
		}
		levels = append(levels, v)
	}
	return levels
}

// correlation is 1 where two rise and fall together.
func correlation(a, b []float64) float64 {
	var sa, sb, saa, sbb, sab float64
	for i := range a {
		sa, sb, saa, sbb, sab = sa+a[i], sb+b[i], saa+a[i]*a[i], sbb+b[i]*b[i], sab+a[i]*b[i]
	}
	n := float64(len(a))
	return (n*sab - sa*sb) / math.Sqrt((n*saa-sa*sa)*(n*sbb-sb*sb))
}

// parts are the levels of a waveform in so many equal parts.
func parts(p waveform.Peaks, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		from, to := i*len(p.Levels)/n, max((i+1)*len(p.Levels)/n, i*len(p.Levels)/n+1)
		for _, l := range p.Levels[from:to] {
			out[i] += float64(l) / float64(to-from)
		}
	}
	return out
}

// What is drawn of an MP3 without decoding it rises and falls as what was decoded: in all
// versions, with one channel or two, with tags and an index. It is as long.
func TestWaveformFollowsTheAudio(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{"speech": speech, "mpeg1-stereo": "testdata/mpeg1-stereo.mp3", "mpeg2-vbr": "testdata/mpeg2-vbr.mp3"} {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		p, err := waveform.Of(bytes.NewReader(b))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want := decoded(t, name)
		if d := p.Length.Seconds() - float64(len(want))/10; math.Abs(d) > 0.3 {
			t.Errorf("%s: %v long; decoded it is %.1f s", name, p.Length, float64(len(want))/10)
		}
		// In decibels, which is what is drawn, and by moments of 0.3 s.
		top, moments := slices.Max(want), len(want)/3
		var loud []float64
		for i := range moments {
			sum := 0.0
			for _, w := range want[3*i : 3*i+3] {
				sum += max(20*math.Log10(w/top+1e-9), -50) / 3
			}
			loud = append(loud, sum)
		}
		got := parts(p, moments)
		if r := correlation(got, loud); r < 0.85 {
			t.Errorf("%s: correlation %.2f", name, r)
		}
		var silence, speech []float64
		for i := 1; i < moments-1; i++ {
			switch {
			case max(loud[i-1], loud[i], loud[i+1]) < -40:
				silence = append(silence, got[i])
			case loud[i] > -10:
				speech = append(speech, got[i])
			}
		}
		if len(speech) == 0 || mean(speech) < 150 || name != "speech" && len(silence) == 0 || mean(silence) > 40 {
			t.Errorf("%s: %d moments of silence at %.0f, %d of speech at %.0f", name, len(silence), mean(silence), len(speech), mean(speech))
		}
	}
}

func mean(all []float64) (sum float64) {
	for _, v := range all {
		sum += v / float64(len(all))
	}
	return sum
}

// What lies before, between and behind the frames changes nothing.
func TestWaveformSkipsGarbage(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile(speech)
	if err != nil {
		t.Fatal(err)
	}
	want, err := waveform.Of(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	tag := append([]byte("ID3\x03\x00\x00\x00\x00\x02\x00"), bytes.Repeat([]byte{0xff, 0xe3}, 128)...) // 256 bytes that look like frames
	garbage := bytes.Repeat([]byte("\xff\xff\xe3\x28\xc4 not a frame"), 100)
	half := len(b) / 2 / 144 * 144
	for name, with := range map[string][]byte{
		"a tag before":           append(bytes.Clone(tag), b...),
		"zeros before":           append(make([]byte, 5000), b...),
		"a tag behind":           append(bytes.Clone(b), append([]byte("TAG"), make([]byte, 125)...)...),
		"garbage before":         append(bytes.Clone(garbage), b...),
		"garbage between":        append(append(bytes.Clone(b[:half]), garbage...), b[half:]...),
		"a part of a frame last": append(bytes.Clone(b), b[:100]...),
	} {
		got, err := waveform.Of(iotest.HalfReader(bytes.NewReader(with)))
		if err != nil || got.Length != want.Length || !bytes.Equal(got.Levels, want.Levels) {
			t.Errorf("%s: %v, %d levels, %v; want %v, %d", name, got.Length, len(got.Levels), err, want.Length, len(want.Levels))
		}
	}
}

// A long recording has as many levels as can be drawn, and they are still where they were.
func TestWaveformOfALongRecording(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile(speech)
	if err != nil {
		t.Fatal(err)
	}
	silence := append(bytes.Clone(b[:4]), make([]byte, 140)...) // frames for which nothing is sent
	const times = 200
	p, err := waveform.Of(io.MultiReader(bytes.NewReader(bytes.Repeat(b, times/2)), bytes.NewReader(bytes.Repeat(silence, len(b)/144*times/2))))
	if err != nil || len(p.Levels) > waveform.Most || len(p.Levels) < waveform.Most/2 {
		t.Fatalf("%d levels, %v", len(p.Levels), err)
	}
	n := len(p.Levels)
	first, second := parts(p, 2)[0], p.Levels[n/2+2:]
	if first < 100 || bytes.ContainsFunc(second, func(r rune) bool { return r != 0 }) {
		t.Errorf("speech at %.0f, silence at %v", first, second)
	}
	if want := time.Duration(times*(len(b)/144)) * 72 * time.Millisecond; p.Length != want {
		t.Errorf("%v long, want %v", p.Length, want)
	}
}

// wav is a WAV with these samples.
func wav(format, channels, bits uint16, samples []byte, length uint32) []byte {
	var b bytes.Buffer
	b.WriteString("RIFF\xff\xff\xff\xffWAVELIST\x03\x00\x00\x00abc\x00fmt \x10\x00\x00\x00")
	for _, v := range []any{format, channels, uint32(8000), uint32(8000) * uint32(channels*bits/8), channels * bits / 8, bits} {
		_ = binary.Write(&b, binary.LittleEndian, v)
	}
	b.WriteString("data")
	_ = binary.Write(&b, binary.LittleEndian, length)
	b.Write(samples)
	return b.Bytes()
}

// One second of silence, half a second as loud as can be, and a second half as loud: the
// same in every format of WAV.
func TestWaveformOfWAV(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		format, channels, bits uint16
		silent, full, half     string // one sample of each channel
	}{
		"8 bits":            {1, 1, 8, "\x80", "\x00", "\xc0"},
		"16 bits":           {1, 1, 16, "\x00\x00", "\x00\x80", "\x00\x40"},
		"24 bits":           {1, 1, 24, "\x00\x00\x00", "\x00\x00\x80", "\x00\x00\xc0"},
		"32 bits":           {1, 1, 32, "\x00\x00\x00\x00", "\x00\x00\x00\x80", "\x00\x00\x00\x40"},
		"floating":          {3, 1, 32, "\x00\x00\x00\x00", "\x00\x00\x80\x3f", "\x00\x00\x00\xbf"},
		"stereo, the right": {1, 2, 16, "\x00\x00\x00\x00", "\x00\x00\x00\x80", "\x00\x00\x00\x40"},
		"µ-law":             {7, 1, 8, "\xff", "\x00", "\x8f"},
		"A-law":             {6, 1, 8, "\xd5", "\xaa", "\xba"},
	} {
		samples := strings.Repeat(c.silent, 8000) + strings.Repeat(c.full, 4000) + strings.Repeat(c.half, 8000)
		for length, of := range map[uint32]string{uint32(len(samples)): samples + "LIST\x04\x00\x00\x00\x00\x80\x00\x80", math.MaxUint32: samples, 0: samples} {
			p, err := waveform.Of(strings.NewReader(string(wav(c.format, c.channels, c.bits, nil, length)) + of))
			if err != nil || p.Length != 2500*time.Millisecond || len(p.Levels) != 250 {
				t.Fatalf("%s: %v, %d levels, %v", name, p.Length, len(p.Levels), err)
			}
			if p.Levels[50] > 1 || p.Levels[120] < 254 || p.Levels[200] < 222 || p.Levels[200] > 227 {
				t.Errorf("%s: %d, %d, %d", name, p.Levels[50], p.Levels[120], p.Levels[200])
			}
		}
	}
}

// What can't be drawn says so, and a reader's error is no format.
func TestNoWaveform(t *testing.T) {
	t.Parallel()
	for name, b := range map[string][]byte{
		"nothing": nil, "a page": []byte("<html>" + strings.Repeat("x", 5000)), "ogg": []byte("OggS\x00\x02" + strings.Repeat("\x00", 100)),
		"ADPCM": wav(17, 1, 4, []byte("abcd"), 4), "no samples": wav(1, 1, 16, nil, 0), "half a WAV": wav(1, 1, 16, nil, 0)[:30],
		"one header": []byte("\xff\xe3\x28\xc4"), "a tag and nothing": []byte("ID3\x03\x00\x00\x7f\x7f\x7f\x7f"),
	} {
		if p, err := waveform.Of(bytes.NewReader(b)); !errors.Is(err, waveform.ErrUnknown) {
			t.Errorf("%s: %d levels, %v", name, len(p.Levels), err)
		}
	}
	broken := errors.New("broken on purpose")
	b, err := os.ReadFile(speech)
	if err != nil {
		t.Fatal(err)
	}
	for _, of := range [][]byte{nil, b[:5], b[:1000], wav(1, 1, 16, nil, 8)[:20], wav(1, 1, 16, []byte("ab"), 8)} {
		if _, err := waveform.Of(io.MultiReader(bytes.NewReader(of), iotest.ErrReader(broken))); !errors.Is(err, broken) {
			t.Errorf("after %d bytes: %v", len(of), err)
		}
	}
}

// A drawing is well-formed, whatever it is called, and has nothing in it that a strict
// policy refuses.
func TestSVG(t *testing.T) {
	t.Parallel()
	for _, p := range []waveform.Peaks{{}, {Levels: []byte{0}}, {Levels: []byte{0, 255, 128}, Length: 65 * time.Second}} {
		b := p.SVG("currentColor", `</title><script>"`)
		var svg struct {
			Title string `xml:"title"`
			Path  struct {
				D string `xml:"d,attr"`
			} `xml:"path"`
		}
		if err := xml.Unmarshal(b, &svg); err != nil || svg.Title != `</title><script>"` || !strings.HasSuffix(svg.Path.D, "Z") {
			t.Errorf("%s: %v", b, err)
		}
		if bytes.Contains(b, []byte("style")) || bytes.Contains(b, []byte("<script")) {
			t.Errorf("%s", b)
		}
	}
	if title := (waveform.Peaks{Levels: []byte{1}, Length: 65 * time.Second}).Title(); !strings.Contains(title, "1:05") {
		t.Error(title)
	}
}

// FuzzOf: whatever it reads ends, without a panic, in bounded memory.
func FuzzOf(f *testing.F) {
	for _, path := range []string{speech, "testdata/mpeg1-stereo.mp3", "testdata/mpeg2-vbr.mp3"} {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b[:min(len(b), 3000)])
	}
	f.Add(wav(7, 1, 8, []byte("abcdefgh"), 8))
	f.Add(wav(0xfffe, 2, 16, []byte("abcdefgh"), math.MaxUint32))
	f.Fuzz(func(t *testing.T, b []byte) {
		in := bytes.NewReader(b)
		p, err := waveform.Of(in)
		switch {
		case err != nil && (!errors.Is(err, waveform.ErrUnknown) || p.Levels != nil):
			t.Errorf("%d levels, %v", len(p.Levels), err)
		case err == nil && (len(p.Levels) == 0 && p.Length > time.Second || len(p.Levels) > waveform.Most || p.Length < 0):
			t.Errorf("%v, %d levels", p.Length, len(p.Levels))
		}
		_ = p.SVG("#777", p.Title())
	})
}
