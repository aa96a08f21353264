package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"

	"github.com/vbcvault/vbcvault/pipeline/rebuild"
)

func (f *rebuildFlags) print(o *output, sum rebuild.Result) {
	w := tabwriter.NewWriter(o.out, 0, 0, 2, ' ', 0)
	row := func(name string, n int64, note string) {
		if n > 0 {
			fmt.Fprintf(w, "%s\t%s\t%s\n", name, humanize.Comma(n), note)
		}
	}
	fmt.Fprintf(w, "recordings\t%s\twith a verified copy (%s of audio)\n", humanize.Comma(sum.Recordings), humanize.IBytes(uint64(sum.Bytes)))
	row("transcripts", sum.Transcripts, "recordings with a transcript")
	row("deleted", sum.Purged, "no longer at VBC, according to receipts")
	row("open", sum.Purging, "deletions with an unknown outcome; the next run checks")
	row("to archive", sum.Listed, "known, without a verified copy; the next run archives them, if VBC still has them")
	row("erased", sum.Erased, "from the archive, on request")
	row("holds", sum.Holds, "in force")
	row("listenings", sum.Listenings, "who has listened to which recording")
	row("not by us", sum.Unvouched, "copies that no signed receipt vouches for; a run with --delete compares each with one download")
	row("receipts", sum.Receipts, fmt.Sprintf("entries in %s; signed with a known key: %s, with another key: %s, not signed: %s", english.Plural(int(sum.Chains), "log", ""),
		humanize.Comma(sum.ReceiptsSigned), humanize.Comma(sum.ReceiptsForeign), humanize.Comma(sum.ReceiptsUnsigned)))
	row("lost", sum.Lost, "")
	row("missing", sum.Missing, "")
	row("damaged", sum.Damaged, "")
	row("unknown", sum.Unknown, "")
	row("unsigned", sum.Unsigned, "")
	row("begun", sum.Begun, "")
	row("beside", sum.Beside, "")
	row("foreign", sum.Foreign, "")
	w.Flush()
	f.printTrust(o, sum)
	fmt.Fprintf(o.out, "The manifest is in %s\n", f.path)
}

// printTrust says in plain words what of the receipts counted, and how more of them do.
func (f *rebuildFlags) printTrust(o *output, sum rebuild.Result) {
	doubtful := sum.ReceiptsForeign + sum.ReceiptsUnsigned
	switch {
	case doubtful == 0 || f.what.TrustArchive:
	case sum.ReceiptsForeign == 0:
		fmt.Fprintf(o.out, "%s %s not signed: versions of vbcvault before signatures wrote such receipts, and anybody who can write to the archive can.\n"+
			"  They only spare requests. If nobody else can write to the archive, move the new manifest away (with its -wal and -shm, if it has them) and run this again with --trust-archive.\n",
			english.Plural(int(doubtful), "receipt", ""), isOrAre(doubtful))
	default:
		fmt.Fprintf(o.out, "%s %s not signed with a key that this command knows: they only spare requests.\n"+
			"  If the key is yours, move the new manifest away (with its -wal and -shm, if it has them) and run this again with --key KEY.\n", english.Plural(int(doubtful), "receipt", ""), isOrAre(doubtful))
	}
	for _, key := range sum.ForeignKeys {
		fmt.Fprintf(o.out, "  The archive names this key; compare it with what vbcvault audit --key printed when the manifest was there:\n    %s\n", key)
	}
	if n := sum.UnsignedErasures; n > 0 {
		fmt.Fprintf(o.out, "%s from the archive %s in unsigned receipts only, and %s not believed: if VBC lists such a recording again, it is archived again.\n",
			english.Plural(int(n), "erasure", ""), isOrAre(n), isOrAre(n))
	}
	if n := sum.UnsignedListenings; n > 0 {
		fmt.Fprintf(o.out, "%s in unsigned receipts only, and %s not in the manifest: the texts stay beside the archive.\n",
			english.Plural(int(n), "listening is", "listenings are"), isOrAre(n))
	}
}

func isOrAre(n int64) string {
	if n == 1 {
		return "is"
	}
	return "are"
}
