package pipeline

// serviceMutations break what a service does once, at most once, or after a crash.
var serviceMutations = []mutation{
	{"work that a killed process had begun waits for the rescuer", "cmd/vbcvault/service/recover.go", "	case job.State != rivertype.JobStateRunning:\n		return nil\n	}\n	if err := s.endJob(ctx, tx, job.ID); err != nil {\n		return err\n	}\n	r.epoch++", "	case true:\n		return nil\n	}\n	r.epoch++", "TestOrphans", "./cmd/vbcvault/service"},
	{"a job of an earlier epoch does its work again", "cmd/vbcvault/service/slice.go", "	if r.epoch != w.Epoch || r.job == 0 {", "	if false {", "TestOrphans", "./cmd/vbcvault/service"},
	{"the rescuer has an old job done again", "cmd/vbcvault/service/recover.go", "	if err := s.endJob(ctx, tx, job.ID); err != nil {\n		return err\n	}\n	r.epoch++", "	r.epoch++", "TestOrphans", "./cmd/vbcvault/service"},
	{"a run that goes on waits behind those that begin", "cmd/vbcvault/service/slice.go", "	cancelled, err := s.nextSlice(ctx, r, complete, goesOn)", "	cancelled, err := s.nextSlice(ctx, r, complete, begins)", "TestPlaces", "./cmd/vbcvault/service"},
	{"an interrupted run is told as if it were over", "cmd/vbcvault/service/slice.go", "	case o.ExitCode == outcome.Interrupted && s.draining.Err() != nil:", "	case false:", "TestStopAndGoOn", "./cmd/vbcvault/service"},
	{"a manifest that is in use is a failure", "cmd/vbcvault/service/slice.go", "	case (o.ErrorCode == code.AnotherRun || o.Skipped) &&", "	case false &&", "TestManifestInUse", "./cmd/vbcvault/service"},
	{"two kinds of work of one account are done at once", "cmd/vbcvault/service/slice.go", "	case is != nil: // one account's work is done one after the other\n		return nil, river.JobSnooze(s.pauses.Busy)\n", "", "TestOneAfterTheOther", "./cmd/vbcvault/service"},
	{"a run keeps its place although others wait", "cmd/vbcvault/service/slice.go", "	return !since.IsZero() && s.machine.Now().Sub(since) >= s.pauses.Turn", "	return since.IsZero() && s.machine.Now().Sub(since) >= s.pauses.Turn", "TestMakesRoom", "./cmd/vbcvault/service"},
	{"a newer program's state is used", "cmd/vbcvault/service/state.go", "	case version > as.Format:", "	case false:", "TestStateIsRefused", "./cmd/vbcvault/service"},
	{"a bad file is taken over", "cmd/vbcvault/service/reload.go", "	if err == nil {\n		s.config = c\n	}\n", "	s.config = c\n", "TestServeReadsTheFileAnew", "./cmd/vbcvault"},
}
