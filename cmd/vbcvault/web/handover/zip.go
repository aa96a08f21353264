package handover

import (
	"encoding/binary"
	"fmt"
	"math"
	"sort"
	"time"

	"github.com/vbcvault/vbcvault/storage"
)

// Entry is one file in a ZIP. Its content is in the archive, or in the spool.
type Entry struct {
	Name   string          `json:"name"` // in the ZIP, with / between its parts
	Size   int64           `json:"size"`
	CRC    uint32          `json:"crc"`              // CRC-32 as ZIPs have it
	Item   int             `json:"item"`             // the recording that it is of, by its place; -1 = of none
	At     int64           `json:"at"`               // where it begins in the spool's file
	Object *storage.Object `json:"object,omitempty"` // in the archive; nil = in the spool
}

// zipped is the bytes of a ZIP of files that are stored as they are, in their order: the
// same entries are always the same bytes, so that a transfer that broke off goes on.
// Files and the whole may be of any size (ZIP64).
type zipped struct {
	entries  []Entry
	offsets  []int64 // of each entry's header
	central  []byte  // the directory at the end
	at, size int64   // of the directory, and of all
	modified uint32  // of all files, as MS-DOS writes it
}

const (
	localHeader = 30 // bytes, without name and extra
	zip64Extra  = 20 // bytes of the extra field of a local header: both sizes
	uint32max   = math.MaxUint32
	uint16max   = math.MaxUint16
	utf8Names   = 0x800
)

// large reports whether a size needs ZIP64.
func large(n int64) bool { return n >= uint32max }

// newZip lays out a ZIP.
func newZip(entries []Entry, modified time.Time) *zipped {
	z := &zipped{entries: entries, modified: dosTime(modified)}
	at := int64(0)
	for _, e := range entries {
		z.offsets = append(z.offsets, at)
		at += z.headerSize(e) + e.Size
	}
	z.at = at
	z.central = z.directory()
	z.size = at + int64(len(z.central))
	return z
}

func (z *zipped) headerSize(e Entry) int64 {
	n := int64(localHeader + len(e.Name))
	if large(e.Size) {
		n += zip64Extra
	}
	return n
}

// find is the entry whose header or content has a byte of the ZIP.
func (z *zipped) find(at int64) int {
	return sort.Search(len(z.offsets), func(i int) bool { return z.offsets[i] > at }) - 1
}

// header is the local header of an entry.
func (z *zipped) header(e Entry) []byte {
	b := le{}
	b.u32(0x04034b50)
	b.common(z, e)
	extra := 0
	if large(e.Size) {
		extra = zip64Extra
	}
	b.u16(uint16(len(e.Name))).u16(uint16(extra))
	b = append(b, e.Name...)
	if extra > 0 {
		b.u16(1).u16(16).u64(uint64(e.Size)).u64(uint64(e.Size))
	}
	return b
}

// common is what both headers of an entry have.
func (b *le) common(z *zipped, e Entry) {
	b.u16(version(e.Size)).u16(utf8Names).u16(0).u32(z.modified).u32(e.CRC) // 0: stored
	size := uint32(uint32max)
	if !large(e.Size) {
		size = uint32(e.Size)
	}
	b.u32(size).u32(size)
}

func version(size int64) uint16 {
	if large(size) {
		return 45
	}
	return 20
}

// directory is the central directory, and what ends a ZIP.
func (z *zipped) directory() []byte {
	b := le{}
	for i, e := range z.entries {
		extra := le{}
		if large(e.Size) {
			extra.u64(uint64(e.Size)).u64(uint64(e.Size))
		}
		at := uint32(uint32max)
		if large(z.offsets[i]) {
			extra.u64(uint64(z.offsets[i]))
		} else {
			at = uint32(z.offsets[i])
		}
		b.u32(0x02014b50).u16(3<<8 | 45) // made on Unix, by version 4.5
		b.common(z, e)
		tail := 0
		if len(extra) > 0 {
			tail = len(extra) + 4
		}
		b.u16(uint16(len(e.Name))).u16(uint16(tail)).u16(0).u16(0).u16(0).u32(0o100600 << 16).u32(at)
		b = append(b, e.Name...)
		if tail > 0 {
			b.u16(1).u16(uint16(len(extra)))
			b = append(b, extra...)
		}
	}
	return z.end(b)
}

// end adds what ends a ZIP to its directory.
func (z *zipped) end(b le) le {
	n, size := len(z.entries), int64(len(b))
	if n >= uint16max || large(size) || large(z.at) {
		b.u32(0x06064b50).u64(44).u16(3<<8 | 45).u16(45).u32(0).u32(0)
		b.u64(uint64(n)).u64(uint64(n)).u64(uint64(size)).u64(uint64(z.at))
		b.u32(0x07064b50).u32(0).u64(uint64(z.at + size)).u32(1)
	}
	few := uint16(min(n, uint16max))
	b.u32(0x06054b50).u16(0).u16(0).u16(few).u16(few).u32(uint32(min(size, uint32max))).u32(uint32(min(z.at, uint32max))).u16(0)
	return b
}

// le writes numbers, the lowest byte first.
type le []byte

func (b *le) u16(v uint16) *le { *b = binary.LittleEndian.AppendUint16(*b, v); return b }
func (b *le) u32(v uint32) *le { *b = binary.LittleEndian.AppendUint32(*b, v); return b }
func (b *le) u64(v uint64) *le { *b = binary.LittleEndian.AppendUint64(*b, v); return b }

// dosTime is a time as MS-DOS wrote it: the time in the lower half, the date above.
func dosTime(t time.Time) uint32 {
	t = t.UTC()
	if t.Year() < 1980 || t.Year() > 2107 {
		return 1<<5 | 1<<21 // the first day that it can write
	}
	clock := uint32(t.Second()/2 | t.Minute()<<5 | t.Hour()<<11)
	date := uint32(t.Day() | int(t.Month())<<5 | (t.Year()-1980)<<9)
	return date<<16 | clock
}

// checkNames refuses entries that no ZIP can have.
func checkNames(entries []Entry) error {
	seen := map[string]bool{}
	for _, e := range entries {
		if e.Name == "" || len(e.Name) > 1000 || seen[e.Name] || storage.CheckKey(e.Name) != nil || e.Size < 0 {
			return fmt.Errorf("the ZIP can't have a file %.200q", e.Name)
		}
		seen[e.Name] = true
	}
	return nil
}
