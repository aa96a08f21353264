// Package pipeline brings recordings out of VBC into a store, and deletes them
// at VBC when, and only when, the store has confirmed the copy.
//
// The way of one recording is four files, in this order:
//
//	list.go      VBC's listing is written down in the manifest
//	transfer.go  audio and sidecar are streamed into the store
//	verify.go    the store is asked what it holds
//	purge.go     the recording is deleted at VBC, on evidence only
//
// A listing comes in slices (slice.go), the oldest first: lister.go reads one
// collection's, walk.go its pages, admit.go writes down what the run is about, and
// mark.go remembers how far, so that it isn't read again without need. What
// listings say of recordings that they don't show is witness.go's.
// While one slice is being worked on, the next is listed, and where requests
// are scarce its audio is fetched by one export: export.go, exportjob.go and,
// for the file on disk, package spool. From transfer.go on an export's recordings go
// the way of all others.
//
// work.go leads each recording along it: next says, of all that may be known of
// one, which step comes next, and mend.go what becomes of a copy that isn't what it
// should be; found.go compares a copy that was found in the archive, and that nobody
// vouches for, with what VBC sends, before it may justify anything. policy.go decides what a run may do to a recording, by its options and
// by facts.go. Package retry is the only place that tries anything again, package
// flow the only one with goroutines. run.go says what a run is and who owns what
// of it, start.go and ending.go how it begins and ends, and lifetime.go when. It
// begins with the holds of the account's other manifests (siblings.go), and ends with
// the checkpoint of its log of receipts, for somebody to keep.
//
// What belongs to an archive as a whole, such as receipts, holds and the catalogue,
// is package archive's, and package layout says what lies where in it. Packages
// check, rebuild and restore work with an archive without asking VBC anything.
//
//	layout   where everything lies in an archive, and what it is called
//	archive  what belongs to an archive as a whole: receipts, holds, erasures, the catalogue;
//	         here the log of receipts is signed, and what an archive says of it believed or not
//	ledger   the logs of receipts beside an archive, and up to where which key vouches for each
//	check    whether an archive is what its manifest holds it for
//	rebuild  a manifest out of an archive
//	restore  recordings back out of an archive
//	prove    what proves one recording to a stranger, gathered
//	proof    the directory with it, written and checked
//	spool    what VBC has packed, on disk until it is in the store
//
// and, without any knowledge of recordings: retry, the only place that tries
// anything again; flow, the only one where work is done by several at once;
// progress, which counts; refusal, which says why nothing was done; spill, which
// sorts more than there is memory for.
package pipeline
