package check

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/pipeline/spill"
	"github.com/vbcvault/vbcvault/vbc"
)

// aside is what logs and rows say of recordings, in the order in which it was read,
// sorted by recording: there may be millions, and only one part of them is in memory
// when they are compared.
type aside struct {
	pile  spill.Pile
	order uint64 // of the last entry
	rows  uint64 // so many

	unproven map[uint64]receipt.Entry // by told.order; there are few
}

// The kinds of records, their first byte.
const (
	entryRecord = iota
	loosenRecord
	rowRecord
)

// close removes the temporary file, of which nothing is needed any more.
func (a *aside) close() { _ = a.pile.Close() }

// tell puts aside what an entry says. start is in Unix seconds.
func (a *aside) tell(e receipt.Entry, start int64, from source, unproven bool) error {
	t, ok := toldBy(e, start, from)
	if !ok {
		return nil
	}
	a.order++
	t.order, t.unproven = a.order, unproven
	if unproven {
		if a.unproven == nil {
			a.unproven = map[uint64]receipt.Entry{}
		}
		a.unproven[t.order] = e
	}
	return a.pile.Add(t.identity, t.encode())
}

// loosen puts aside that nothing which was told before binds a row.
func (a *aside) loosen() error { return a.pile.AddToAll([]byte{loosenRecord}) }

// row puts aside what the manifest has of a recording.
func (a *aside) row(row manifest.Row) error {
	a.rows++
	r := rowOf(row)
	r.order = a.rows
	return a.pile.Add(r.identity, r.encode())
}

// rowSaid is a row, as far as it is compared with what logs say.
type rowSaid struct {
	identity
	order uint64 // of all rows
	state manifest.State
	known bool   // it has a copy:
	copy  uint64 // as story.copy
	text  uint32 // as story.text, whether there is one or not
	key   vbc.Key
}

func rowOf(row manifest.Row) rowSaid {
	return rowSaid{
		identity: identityOf(row.Kind, row.Owner, row.ID, row.Start.Unix()), state: row.State, known: row.Copy.Known(),
		copy: sumOf(row.Copy.Audio, row.Copy.Sidecar), text: uint32(sumOf(row.Copy.Transcript)) | 1, key: row.Key(),
	}
}

// encode writes what decode reads.
func (t told) encode() []byte {
	b := append(make([]byte, 0, 64), entryRecord)
	b = append(b, t.identity[:]...)
	b = binary.BigEndian.AppendUint64(b, t.order)
	b = binary.BigEndian.AppendUint64(b, t.copy)
	b = binary.BigEndian.AppendUint32(b, t.size)
	b = binary.BigEndian.AppendUint32(b, t.text)
	b = append(b, byte(t.said), byte(t.flag))
	var is byte
	for i, yes := range []bool{t.from.own, t.from.signed, t.from.loose, t.named, t.unproven} {
		if yes {
			is |= 1 << i
		}
	}
	return append(b, is)
}

func (t *told) decode(b []byte) {
	n := copy(t.identity[:], b)
	b = b[n:]
	t.order, t.copy = binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])
	t.size, t.text = binary.BigEndian.Uint32(b[16:]), binary.BigEndian.Uint32(b[20:])
	t.said, t.flag = word(b[24]), uint16(b[25])
	for i, yes := range []*bool{&t.from.own, &t.from.signed, &t.from.loose, &t.named, &t.unproven} {
		*yes = b[26]&(1<<i) != 0
	}
}

func (r rowSaid) encode() []byte {
	b := append(make([]byte, 0, 96), rowRecord)
	b = append(b, r.identity[:]...)
	b = binary.BigEndian.AppendUint64(b, r.order)
	b = binary.BigEndian.AppendUint64(b, r.copy)
	b = binary.BigEndian.AppendUint32(b, r.text)
	b = binary.BigEndian.AppendUint64(b, uint64(r.key.ID))
	known := byte(0)
	if r.known {
		known = 1
	}
	b = append(b, known)
	return fmt.Appendf(b, "%s\n%s\n%s", r.state, r.key.Kind, r.key.Owner)
}

func (r *rowSaid) decode(b []byte) {
	n := copy(r.identity[:], b)
	b = b[n:]
	r.order, r.copy = binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])
	r.text, r.key.ID = binary.BigEndian.Uint32(b[16:]), int64(binary.BigEndian.Uint64(b[20:]))
	r.known = b[28] == 1
	words := strings.SplitN(string(b[29:]), "\n", 3)
	r.state, r.key.Kind, r.key.Owner = manifest.State(words[0]), vbc.Kind(words[1]), words[2]
}
