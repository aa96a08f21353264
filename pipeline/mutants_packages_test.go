package pipeline

// packagesMutations break what keeps a packaged service's files and secrets its own.
var packagesMutations = []mutation{
	{"root makes a manifest among another user's files", "pipeline/manifest/sqlite/manifest.go", "	if err := ownership.Fit(path); err != nil {", "	if err := ownership.Fit(path); err != nil && path == \"\" {", "TestRootBesideAService", "./cmd/vbcvault"},
	{"who only looks makes a lock", "pipeline/manifest/sqlite/manifest.go", "		return false, nil // and none is made", "		_ = false // and none is made", "TestRootBesideAService", "./cmd/vbcvault"},
	{"root holds a recording of another user's archive", "cmd/vbcvault/holding/place.go", "	if err := ownership.Fit(path); err != nil {", "	if err := ownership.Fit(path); err != nil && path == \"\" {", "TestRootBesideAService", "./cmd/vbcvault"},
	{"root signs in for another user's service", "cmd/vbcvault/environment.go", "	if err := ownership.Fit(near); err != nil && !a.handsOver {", "	if err := ownership.Fit(near); err != nil && manifest == \"\" {", "TestRootBesideAService", "./cmd/vbcvault"},
	{"only what exists already belongs to somebody", "storage/ownership/ownership.go", "		if filepath.Dir(at) == at {", "		if true {", "TestRootMakesNoFilesAmongAnothers", "./storage/ownership"},
	{"the name of a credential leads elsewhere", "cmd/vbcvault/config/credential.go", "`^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$`", "`^[A-Za-z0-9./_-]{1,200}$`", "TestNamesOfCredentials", "./cmd/vbcvault/config"},
	{"a file of a directory that is handed over isn't found", "cmd/vbcvault/config/credential.go", `HandedOver+"_"+s.Credential`, `HandedOver+"-"+s.Credential`, "TestSecretsThatSystemdHandsOver", "./cmd/vbcvault/config"},
}
