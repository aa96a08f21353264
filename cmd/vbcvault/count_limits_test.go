//go:build unix

package main_test

import "math"

// The ways of a recording that are counted: columns of the table below.
const (
	intoS3 = iota // by a request of its own
	intoDirectory
	byExport       // into S3
	withPostgreSQL // the manifest's; into a directory
	ways
)

var wayNames = [ways]string{"S3", "directory", "by export", "PostgreSQL"}

// limit is what one more recording may cost at most, whatever the machine.
type limit struct {
	what  string
	most  [ways]float64 // none: it isn't counted there
	cause string        // why it is more, usually
}

var none = math.NaN()

// What a recording costs from its listing until its deletion is on record, by one worker:
// with several, commits are shared as time will have it. Limits are just above what it is,
// so that one more of anything is too much; what has become less gets a lower limit here.
var limits = []limit{
	{"requests to VBC", [ways]float64{2.01, 2.01, 1.01, 2.01},
		"something is asked again that a listing, or an answer before, has said"},
	{"requests to S3", [ways]float64{4.01, none, 4.01, none},
		"an object is looked at again; two PUTs and two HEADs are the proof"},
	{"SQL statements", [ways]float64{25.2, 25.2, 26.1, 35.3},
		"a row is read again that was at hand, or one change became two"},
	{"triggers carried out", [ways]float64{39.1, 39.1, 39.1, none},
		"an UPDATE names a column that a trigger waits for, or there is a new trigger"},
	{"rows changed", [ways]float64{29.1, 29.1, 29.1, none},
		"a tally is brought up to date more than once for one change"},
	{"SQLite's instructions", [ways]float64{2705, 2705, 2845, none},
		"an index isn't used any more, a whole row is read for one field, or JSON is taken apart again"},
	{"commits", [ways]float64{3.02, 3.02, 3.02, 3.05},
		"a step has a commit of its own that another's could have carried"},
	{"round trips to PostgreSQL", [ways]float64{none, none, none, 35.3},
		"a statement isn't in the batch of the others"},
	{"fsyncs", [ways]float64{3.2, 7.2, 3.2, none},
		"a file or directory is made durable twice, or a commit was added"},
	{"allocations", [ways]float64{1620, 1200, 1710, 1600},
		"a copy of what could be used as it is, a header made anew, a value in an interface"},
	{"bytes allocated", [ways]float64{150_000, 102_000, 169_000, 160_000},
		"a buffer is made for each recording that could be used again"},
	{"bytes allocated per byte of audio", [ways]float64{0.02, 0.02, 0.02, none},
		"the audio is held in a buffer of its own once more, or a buffer grows as it is filled"},
	{"bytes copied, of 300 kB", [ways]float64{308_000, 305_000, none, none},
		"the audio goes through one more buffer between VBC's socket and where it is written"},
}
