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
// A listing comes in slices (slice.go), the oldest first: lister.go reads it,
// and mark.go remembers how far, so that it isn't read again without need.
// While one slice is being worked on, the next is listed, and where requests
// are scarce its audio is fetched by one export: export.go, exportjob.go and,
// for the file on disk, spool.go. From transfer.go on an export's recordings go
// the way of all others.
//
// What is known of all recordings lies beside the archive as a table, which
// storecatalog.go keeps up to date.
//
// work.go leads each recording along it, policy.go decides what a run may do
// to a recording, package retry is the only place that tries anything again,
// package flow the only one with goroutines, and run.go puts a run together.
//
// restore.go brings recordings back out of the store, under names that
// restorename.go makes; thaw.go asks for what lies in cold storage. rebuild.go
// makes a manifest out of an archive, diff.go compares the two, and group.go
// says what in the store belongs together.
//
// Transcripts are listed for a whole account (transcriptlist.go) and go into
// the store beside the audio (transcript.go).
package pipeline
