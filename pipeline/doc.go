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
// for the file on disk, package spool. From transfer.go on an export's recordings
// go the way of all others.
//
// work.go leads each recording along it, policy.go decides what a run may do
// to a recording, retry.go what an error means, and run.go puts a run together;
// ending.go is what it stores of the archive as a whole at its end. Transcripts
// are listed for a whole account (transcriptlist.go) and go into the store beside
// the audio (transcript.go).
//
// This package alone asks VBC. What asks it nothing can't, since it has nothing to
// ask it with:
//
//	layout   where everything lies in an archive, and what it is called
//	archive  what belongs to an archive as a whole: receipts, holds, erasures, the catalogue
//	check    whether an archive is what its manifest holds it for
//	rebuild  a manifest out of an archive
//	restore  recordings back out of an archive
//	spool    what VBC has packed, on disk until it is in the store
//
// and, without any knowledge of recordings: retry, the only place that tries
// anything again; flow, the only one where work is done by several at once;
// progress, which counts; refusal, which says why nothing was done.
package pipeline
