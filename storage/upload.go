package storage

import "context"

// UploadJournal remembers the uploads in parts that a store has under way: what a
// crash leaves of one is invisible, costs money, and isn't listed by every server.
// Its methods may be called concurrently.
type UploadJournal interface {
	// UploadBegun is called before the first part is sent. On nil it is durable;
	// an error ends the Put.
	UploadBegun(ctx context.Context, key, id string) error

	// UploadEnded says that an upload was completed, or is no more. It need not be
	// durable: aborting such an upload once more does no harm.
	UploadEnded(key, id string)
}

// Uploader is a Store that sends large objects in parts.
type Uploader interface {
	// JournalUploads has a journal told of all later uploads. It is called while
	// no Put is under way.
	JournalUploads(UploadJournal)

	// AbortUpload drops the parts of an upload that a journal remembers. One that
	// the store doesn't know, as it was completed or aborted, is no error, and
	// what was completed stays.
	AbortUpload(ctx context.Context, key, id string) error
}
