package pipeline

// versionMutations break upgrades of files, and what a program that is too old says.
var versionMutations = []mutation{
	{"a file is upgraded without a copy", "pipeline/dbfile/upgrade.go", "err := Copy(ctx, reads, Copied(path, from), true); err != nil {", "err := Copy(ctx, reads, Copied(path, from), true); false {", "TestUpgradeIsWhole", "./pipeline/dbfile"},
	{"two programs upgrade a file one after the other", "pipeline/dbfile/upgrade.go", "	case v != from:\n", "	case v == 0:\n", "TestOneOfManyUpgrades", "./pipeline/dbfile"},
	{"a copy has its name before it is upgraded no more", "pipeline/dbfile/upgrade.go", "	if err := os.Rename(unfinished, path); err != nil {", "	if err := os.Rename(unfinished, path+\".late\"); err != nil {", "TestNothingIsWrittenBetween", "./pipeline/dbfile"},
	{"a program names a version that nobody can install", "pipeline/dbfile/dbfile.go", "err == nil && Release(by) {", "err == nil {", "TestProgramThatIsNeeded", "./pipeline/dbfile"},
	{"the latest program that has opened a file is called needed", "pipeline/dbfile/dbfile.go", "semver.Compare(by, program) < 0)", "false)", "TestProgramThatIsNeeded", "./pipeline/dbfile"},
	{"a page writes to a manifest that a newer program has upgraded", "pipeline/manifest/sqlite/commit.go", "	case v > format:\n", "	case false:\n", "TestUpgradedWhileInUse", "./pipeline/manifest/sqlite"},
	{"a command beside an older service upgrades its state", "cmd/vbcvault/service/state.go", "	case version < as.Format && !owner:", "	case false:", "TestOlderStateIsUpgraded", "./cmd/vbcvault/service"},
	{"a manifest doesn't say which version has written it", "cmd/vbcvault/opening.go", "Program: programVersion(), ", "", "TestReleaseSaysItsCommit", "./cmd/vbcvault"},
}
