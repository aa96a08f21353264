// Package metrics tells Prometheus how each account stands: over HTTP from a service, and
// as a text file for node_exporter from a job that ends.
//
// For a job that runs once a night, what counts is when it last succeeded: a job that
// isn't started at all tells nothing else. So that comes from the account's manifest, and
// not from what this process has seen. Counters too are sums over all runs that the
// manifest knows: they survive a restart, and what a run has done is added when it ends.
// What changes while a run goes on are gauges of their own. A counter that followed a run
// would fall back when the run is killed, and Prometheus takes the rest for new.
//
// Of several machines that share a database, each tells how it stands itself, too.
//
// Labels are the name of the account, a state or a code, and nothing else: no caller's
// number, no recording, no path.
package metrics

// Metric is one of those that there are.
type Metric struct {
	Name   string
	Type   string // gauge or counter
	Unit   string // for people; "" = a number
	Labels []string
	Help   string
}

const (
	gauge   = "gauge"
	counter = "counter"
)

// prefix is what all names begin with.
const prefix = "vbcvault_"

// All are all metrics, in the order in which people read them.
func All() []Metric {
	all := make([]Metric, len(table))
	for i, m := range table {
		all[i] = *m
		all[i].Labels = append([]string(nil), m.Labels...)
	}
	return all
}

var table []*Metric

// of adds a metric to the table.
func of(name, kind, unit, help string, labels ...string) *Metric {
	m := &Metric{Name: prefix + name, Type: kind, Unit: unit, Labels: append([]string{"account"}, labels...), Help: help}
	table = append(table, m)
	return m
}

const unixTime = "Unix time in seconds"

var (
	lastSuccess = of("last_success_timestamp_seconds", gauge, unixTime, "When the last run ended that left nothing undone; 0 = none has.")
	lastRun     = of("last_run_timestamp_seconds", gauge, unixTime, "When the last run ended.")
	lastTook    = of("last_run_duration_seconds", gauge, "seconds", "How long the last run took.")
	lastExit    = of("last_run_exit_code", gauge, "", "Exit code of the last run: 0 is success, 1 incomplete, 2 a wrong configuration, 3 stopped early, 130 interrupted.")
	brake       = of("brake_active", gauge, "0 or 1", "Whether the last run stopped because it was not safe to continue.")

	inState    = of("recordings", gauge, "recordings", "Recordings that the manifest knows, by state.", "state")
	unarchived = of("oldest_unarchived_timestamp_seconds", gauge, unixTime, "When the oldest recording starts that has no verified copy; missing if there is none.")
	failing    = of("failures", gauge, "recordings", "Recordings whose last run failed, by the code of why; acknowledged ones are not counted.", "code")
	failingAck = of("acknowledged_failures", gauge, "recordings", "Recordings whose last run failed as somebody has acknowledged.")
	oldestFail = of("oldest_failure_timestamp_seconds", gauge, unixTime, "When the oldest failure began that nobody has acknowledged; missing if there is none.")
	damaged    = of("damaged_copies", gauge, "copies", "Copies that are damaged or missing, of recordings that VBC does not have any more.")
	troubles   = of("troubles", gauge, "", "What keeps VBC's listings from being relied on; acknowledged troubles are not counted.")
	holds      = of("holds", gauge, "holds", "Legal holds in force.")

	firstLock = of("first_lock_expiry_timestamp_seconds", gauge, unixTime, "When the first Object Lock of a copy ends or has ended; missing if no lock is known.")
	lastLock  = of("last_lock_expiry_timestamp_seconds", gauge, unixTime, "When the last Object Lock of a copy ends; missing if no lock is known.")

	archived  = of("archived_recordings_total", counter, "recordings", "Recordings archived and verified, by all runs that have ended.")
	bytes     = of("archived_bytes_total", counter, "bytes", "Bytes of their audio.")
	deletions = of("deletions_total", counter, "recordings", "Recordings deleted at VBC, by all runs that have ended.")
	requests  = of("vbc_requests_total", counter, "requests", "Requests to VBC by HTTP status of the answer, by all runs that have ended; none = there was no answer.", "code")
	waits     = of("quota_wait_seconds_total", counter, "seconds", "How long requests to VBC have waited for their turn, all requests added up.")

	logSize = of("log_size", gauge, "entries", "Entries in the log of receipts. It never gets smaller.")
	logHead = of("log_head", gauge, "", "The first 48 bits of the root of the log of receipts, as a number. It changes only when the log grows.")

	running     = of("run_in_progress", gauge, "0 or 1", "Whether the service is archiving the account now.")
	runTodo     = of("run_todo_recordings", gauge, "recordings", "Recordings that the run in progress has to do with, as far as is known.")
	runDone     = of("run_done_recordings", gauge, "recordings", "Recordings that it is through with.")
	runBytes    = of("run_archived_bytes", gauge, "bytes", "Bytes of audio that it has archived.")
	runDeleted  = of("run_deletions", gauge, "recordings", "Recordings that it has deleted at VBC.")
	runIsPaused = of("run_waiting", gauge, "0 or 1", "Whether all of it waits, for VBC or for the destination.")
)

// buildInfo is the only one without an account, and only a service has it: node_exporter
// refuses two files with the same series.
var buildInfo = func() *Metric {
	m := of("build_info", gauge, "always 1", "The version of vbcvault that runs as a service.")
	m.Labels = []string{"version"}
	return m
}()
