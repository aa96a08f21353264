package pipeline

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// box is a box of MP4.
func box(kind string, body ...string) string {
	all := strings.Join(body, "")
	return string(binary.BigEndian.AppendUint32(nil, uint32(8+len(all)))) + kind + all
}

func trak(handler string) string {
	return box("trak", box("tkhd", zeroed(84)), box("mdia", box("mdhd", zeroed(24)), box("hdlr", zeroed(8)+handler+zeroed(13))))
}

func zeroed(n int) string { return string(make([]byte, n)) }

// element is an element of Matroska.
func element(id string, body ...string) string {
	all := strings.Join(body, "")
	return id + "\x01" + string(binary.BigEndian.AppendUint64(nil, uint64(len(all)))[1:]) + all
}

func mkv(docType string, kinds ...string) string {
	var tracks []string
	for _, k := range kinds {
		tracks = append(tracks, element("\xae", element("\xd7", "\x01"), element("\x83", k)))
	}
	return element("\x1a\x45\xdf\xa3", element("\x42\x82", docType)) +
		"\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff" + // a segment of unknown length
		element("\x15\x49\xa9\x66", element("\x2a\xd7\xb1", "\x0f\x42\x40")) + element("\x16\x54\xae\x6b", tracks...) + element("\x1f\x43\xb6\x75", "\xe7\x81\x00")
}

// noise is what a codec without a header may look like.
func noise(n int) string {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.UintN(256))
	}
	b[0] = 0xd5 // no sync word
	return string(b)
}

func gzipped(s string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, s) // memory
	_ = z.Close()
	return b.String()
}

func telephony(t *testing.T) string {
	t.Helper()
	b, err := io.ReadAll(vbctest.Recording{Kind: "company", ID: 1, Size: 9000}.Audio())
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Each format under its own ending; "odd" is what --accept-format takes, "" what
// nothing does.
func TestFormats(t *testing.T) {
	t.Parallel()
	mp3 := telephony(t)
	wave := "WAVEfmt \x10\x00\x00\x00\x07\x00\x01\x00\x40\x1f\x00\x00\x40\x1f\x00\x00\x01\x00\x08\x00data"
	soun, vide := trak("soun"), trak("vide")
	for name, c := range map[string]struct{ body, want string }{
		"MP4, audio first":           {box("ftyp", "mp42\x00\x00\x00\x00isommp42") + box("moov", box("mvhd", zeroed(100)), soun) + box("mdat", zeroed(9000)), "audio/mp4 .m4a"},
		"MP4, isom":                  {box("ftyp", "isom\x00\x00\x02\x00isomiso2mp41") + box("moov", soun), "audio/mp4 .m4a"},
		"MP4, iso2":                  {box("ftyp", "iso2\x00\x00\x02\x00") + box("moov", soun), "audio/mp4 .m4a"},
		"MP4, dash":                  {box("ftyp", "dash\x00\x00\x02\x00iso6") + box("moov", soun), "audio/mp4 .m4a"},
		"MP4, its tracks at the end": {box("ftyp", "isom\x00\x00\x02\x00") + "\x00\x10\x00\x00mdat" + noise(80_000), "audio/mp4 .m4a"},
		"MP4, a large box":           {box("ftyp", "isom\x00\x00\x02\x00") + "\x00\x00\x00\x01mdat\x00\x00\x00\x00\x40\x00\x00\x00" + noise(100), "audio/mp4 .m4a"},
		"M4A":                        {box("ftyp", "M4A \x00\x00\x00\x00M4A mp42isom") + box("moov", soun), "audio/x-m4a .m4a"},
		"M4A with video":             {box("ftyp", "M4A \x00\x00\x00\x00") + box("moov", soun, vide), "odd"},
		"3GPP":                       {box("ftyp", "3gp4\x00\x00\x00\x003gp4") + box("moov", soun), "audio/3gpp .3gp"},
		"3GPP2":                      {box("ftyp", "3g2a\x00\x00\x00\x003g2a") + box("moov", soun), "audio/3gpp2 .3g2"},
		"QuickTime":                  {box("ftyp", "qt  \x00\x00\x02\x00qt  ") + box("moov", soun), "audio/quicktime .mov"},
		"MP4 with video":             {box("ftyp", "mp42\x00\x00\x00\x00mp42") + box("moov", box("mvhd", zeroed(100)), vide, soun), "odd"},
		"a picture":                  {box("ftyp", "heic\x00\x00\x00\x00mif1heic") + box("meta", zeroed(100)), ""},
		"WebM":                       {mkv("webm", "\x02"), "audio/webm .webm"},
		"WebM with video":            {mkv("webm", "\x01", "\x02"), "odd"},
		"Matroska":                   {mkv("matroska", "\x02"), "audio/matroska .mka"},
		"Matroska with video":        {mkv("matroska", "\x02", "\x01"), "odd"},
		"WAV with G.711":             {"RIFF\x24\x08\x00\x00" + wave + "\x10\x00\x00\x00" + zeroed(16), "audio/wav .wav"},
		"RF64":                       {"RF64\xff\xff\xff\xffWAVEds64\x1c\x00\x00\x00" + zeroed(28) + "fmt \x10\x00\x00\x00", "audio/wav .wav"},
		"BW64":                       {"BW64\xff\xff\xff\xffWAVEds64\x1c\x00\x00\x00" + zeroed(28), "audio/wav .wav"},
		"RIFX":                       {"RIFX\x00\x00\x08\x24WAVEfmt \x00\x00\x00\x10\x00\x01\x00\x01" + zeroed(100), "audio/wav .wav"},
		"Wave64":                     {"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00" + zeroed(100), "audio/x-w64 .w64"},
		"MP3":                        {mp3, "audio/mpeg .mp3"},
		"MP3 after 4 KB of zeros":    {zeroed(4096) + mp3, "audio/mpeg .mp3"},
		"MP3 after 20 KB of zeros":   {zeroed(20_000) + mp3, "audio/mpeg .mp3"},
		"MP3 after a large tag":      {"ID3\x04\x00\x00\x00\x0c\x00\x00" + zeroed(200_000) + mp3, "audio/mpeg .mp3"},
		"a tag after zeros":          {zeroed(4000) + "ID3\x03\x00\x00\x00\x00\x00\x20" + zeroed(32) + mp3, "audio/mpeg .mp3"},
		"AMR":                        {"#!AMR\n" + noise(100), "audio/amr .amr"},
		"AMR-WB":                     {"#!AMR-WB\n" + noise(100), "audio/amr .amr"},
		"AIFF":                       {"FORM\x00\x00\x10\x00AIFFCOMM" + zeroed(100), "audio/aiff .aiff"},
		"AIFC":                       {"FORM\x00\x00\x10\x00AIFCFVER" + zeroed(100), "audio/aiff .aiff"},
		"AU":                         {".snd\x00\x00\x00\x18" + zeroed(100), "audio/basic .au"},
		"FLAC":                       {"fLaC\x00\x00\x00\x22" + zeroed(100), "audio/flac .flac"},
		"FLAC, one block":            {"fLaC\x80\x00\x00\x22" + noise(100), "audio/flac .flac"},
		"Opus":                       {"OggS\x00\x02" + zeroed(22) + "OpusHead\x01\x01" + noise(100), "audio/ogg .oga"},
		"Speex":                      {"OggS\x00\x02" + zeroed(22) + "Speex   1.2" + noise(100), "audio/ogg .oga"},
		"CAF":                        {"caff\x00\x01\x00\x00desc" + zeroed(100), "audio/x-caf .caf"},
		"ADTS":                       {"\xff\xf1\x50\x80\x02\x1f\xfc" + noise(100), "audio/aac .aac"},
		"ADTS with a checksum":       {"\xff\xf0\x50\x80\x02\x1f\xfc" + noise(100), "audio/aac .aac"},
		"Windows Media":              {string(asfHeader) + noise(64) + string(asfAudio) + noise(64), "audio/x-ms-wma .wma"},
		"Windows Media, video":       {string(asfHeader) + noise(64) + string(asfAudio) + string(asfVideo) + noise(64), "odd"},

		"a codec without a header":    {noise(9000), "odd"},
		"µ-law of a silent line":      {strings.Repeat("\xff\xfe\x7f\xff", 2000), "odd"},
		"a page":                      {"<!DOCTYPE html><html><body>Sorry" + strings.Repeat(" ", 9000), ""},
		"a page in UTF-16":            {"\xff\xfe<\x00h\x00t\x00m\x00l\x00>\x00S\x00o\x00r\x00r\x00y\x00", ""},
		"a page in Cyrillic UTF-16":   {"\xfe\xff\x04\x17\x04\x30\x04\x3f\x04\x38\x04\x41\x04\x4c\x00 \x04\x3d\x04\x35\x00\n", ""},
		"JSON in UTF-16, many frames": {wide(strings.Repeat(`{"error":"backend unavailable","status":503}`, 200)), ""},
		"a page in Japanese UTF-16":   {wide(strings.Repeat("サービスは現在ご利用いただけません。", 100)), ""},
		"a page, packed":              {gzipped("<html><body>Sorry, not now</body></html>"), ""},
		"JSON":                        {`{"msg":"Recording not found","status":404}`, ""},
		"JSON behind a mark":          {"\xef\xbb\xbf" + ` [{"msg":"Recording not found"}]`, ""},
		"JSON, packed":                {gzipped(`{"msg":"Recording not found"}`), ""},
		"JSON, filled up":             {`{"msg":"Recording not found"}` + zeroed(9000), ""},
		"a message behind zeros":      {zeroed(100) + `{"msg":"Recording not found"}`, ""},
		"XML":                         {`<?xml version="1.0"?><am:fault xmlns:am="http://wso2.org/apimanager"/>`, ""},
		"text":                        {"upstream connect error or disconnect/reset before headers", ""},
		"text, filled up":             {"upstream connect error" + zeroed(70_000), ""},
		"text in another language":    {"Запись не найдена, повторите попытку позже", ""},
		"text, binary behind":         {"<html><body>503</body></html>" + noise(500), ""},
		"an answer within another":    {"HTTP/1.1 503 Service Unavailable\r\n\r\n" + noise(50), ""},
		"zeros":                       {zeroed(9000), ""},
		"zeros and nothing audible":   {zeroed(9000) + noise(9000), "odd"},
		"PDF":                         {"%PDF-1.7\n" + noise(500), ""},
		"PNG":                         {"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR" + noise(500), ""},
		"ZIP":                         {"PK\x03\x04\x14\x00\x00\x00" + noise(500), ""},
		"AVI":                         {"RIFF\x24\x08\x00\x00AVI LIST" + zeroed(100), "odd"},
		"a broken box":                {"\x00\x00\x00\x08ftyp", "odd"},
		"broken Matroska":             {"\x1a\x45\xdf\xa3\x01\xff\xff", "odd"},
	} {
		src := newSource(strings.NewReader(c.body), func(int) {})
		f, err := src.format()
		got := strings.TrimSpace(f.media + " " + f.ending)
		if e, ok := err.(*notAudioError); ok && e.Odd { //nolint:errorlint // it is not wrapped
			got = "odd"
		}
		if got != c.want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, c.want)
		}
		if rest, err := io.ReadAll(src); err != nil || string(rest) != c.body {
			t.Errorf("%s: looking at it changed it", name)
		}
	}
}

// wide is a text in UTF-16, behind the mark that says so.
func wide(text string) string {
	b := []byte("\xff\xfe")
	for _, u := range utf16.Encode([]rune(text)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return string(b)
}

// --accept-format takes an unknown format with just the declared size when two
// downloads agree, and never a page, whatever its size.
func TestAcceptFormat(t *testing.T) {
	t.Parallel()
	body := noise(20_000)
	var n atomic.Int64
	for name, c := range map[string]struct {
		answer func() string
		accept bool
		taken  bool
		tries  int64
	}{
		"without being asked to": {func() string { return body }, false, false, 2},
		"an unknown format":      {func() string { return body }, true, true, 2},
		"another each time":      {func() string { return fmt.Sprintf("\xd5%08d", n.Add(1)) + body[9:] }, true, false, 2},
		"too short":              {func() string { return body[:19_000] }, true, false, 2},
		"too long":               {func() string { return body + "\x80" }, true, false, 2},
		"a page":                 {func() string { return "<html><body>Sorry" + strings.Repeat(" ", 20_000-17) }, true, false, 2},
		"JSON":                   {func() string { return `{"msg":"` + strings.Repeat("x", 20_000-10) + `"}` }, true, false, 2},
		"JSON, filled up":        {func() string { return `{"msg":"no"}` + zeroed(20_000-12) }, true, false, 2},
		"binary behind a page":   {func() string { return "<html>" + body[6:] }, true, false, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, "directory")
			l.account.Add(vbctest.Recording{ID: 1, Size: 20_000, Start: l.cutoff.AddDate(-1, 0, 0).Truncate(time.Second)})
			var tries atomic.Int64
			l.account.Inject(func(r *http.Request) *vbctest.Fault {
				if !strings.Contains(r.URL.Path, "/audio/") {
					return nil
				}
				tries.Add(1)
				return &vbctest.Fault{Status: 200, Header: http.Header{"Content-Type": {"audio/mpeg"}}, Body: c.answer()}
			})
			sum, err := l.run(Options{AcceptFormat: c.accept, AcceptSizeMismatch: true, Delete: true})
			if err != nil || (sum.Archived == 1) != c.taken || (sum.Deleted == 1) != c.taken || tries.Load() != c.tries {
				t.Errorf("%+v, %v, %d downloads", sum, err, tries.Load())
			}
			if !c.taken && len(l.account.Deleted()) != 0 {
				t.Error("LOST: it was deleted")
			}
		})
	}
}
