package pipeline

// unfinished is what workers leave for the end of the run: what is tried once
// more then, and what a second listing decides about. Each has a lock of its own.
type unfinished struct {
	postponed postponed
	doubts    doubts
	purged    purged
}
