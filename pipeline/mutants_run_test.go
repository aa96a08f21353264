package pipeline

// runMutations break what holds where several machines share a database: no request
// without a lease, one quota for all, no password twice.
var runMutations = []mutation{
	{"a DELETE goes out without a lease", "pipeline/purge.go", "	if err := r.manifest.Lease().Held(); err != nil {\n", "	if err := error(nil); err != nil {\n", "TestLeaseLostAtEveryStep", "./pipeline"},
	{"a DELETE goes out whose lease ended while the holds were read", "pipeline/purge.go", "	return r.inTime(ev)\n", "	return nil\n", "TestLeaseLostWhileHoldsAreRead", "./pipeline"},
	{"a run outlives its lease", "pipeline/run.go", "	defer r.endWithLease()()\n", "", "TestLostLeaseEndsWaiting", "./pipeline"},
	{"an erasure goes on without its lease", "pipeline/archive/erase.go", "		if err := a.manifest.Lease().Held(); err != nil {\n", "		if err := error(nil); err != nil {\n", "TestErasingEndsWithTheLease", "./pipeline/archive"},
	{"each machine has the quota for itself", "vbc/pacer.go", "	if p.shared != nil {\n		p.shared.wake()", "	if p.shared != nil && false {\n		p.shared.wake()", "TestSharedQuota", "./vbc"},
	{"a refusal closes the window for one machine only", "vbc/pacer.go", "		p.shared.tell(news)\n", "		news(&p.pace, time.Now())\n", "TestOneRefusalClosesTheWindowForAll", "./vbc"},
	{"a machine that stands still has its requests under way for ever", "vbc/shared.go", " || now.Sub(p.flying[0]).Abs() > longestFlight) {", ") {", "TestWhoStandsStillHoldsNobodyUp", "./vbc"},
	{"machines that wait for their turn all try a refused password", "vbc/login.go", "	if grant == \"password\" && l.pacer.shared != nil {", "	if grant == \"password\" && false {", "TestMachinesTryAPasswordOnce", "./vbc"},
	{"a login is tried although nobody knows whether it was refused", "vbc/login.go", "			return &MemoryError{err}\n", "			continue\n", "TestLoginWithoutMemoryIsNotTried", "./vbc"},
	{"what one machine knows of the quota overwrites what others do", "pipeline/manifest/postgres/quota.go", "WHERE name = $1 AND version = $2 RETURNING", "WHERE name = $1 AND version >= $2 RETURNING", "TestQuotaLosesNoChange", "./pipeline/manifest/postgres"},
}
