package pipeline

// initMutations break what keeps vbcvault init from doing harm.
var initMutations = []mutation{
	{"one more password is sent of a user some of whose were refused", "cmd/vbcvault/initvbc.go", "	if n < mostRefused {\n", "	if true {\n", "TestInitDoesNotLockTheUser", "./cmd/vbcvault"},
	{"a secret of another account is replaced", "cmd/vbcvault/initdraft.go", "		case u.asks == nil:\n", "		case u.asks == nil && false:\n", "TestScripts/init", "./cmd/vbcvault"},
	{"an account is added to a file without asking", "cmd/vbcvault/initexisting.go", "	if len(u.others) == 0 || u.add {\n", "	if true {\n", "TestScripts/init", "./cmd/vbcvault"},
	{"defaults of a file make a new account delete", "cmd/vbcvault/initwrite.go", "	if !u.given.Changed(\"delete\") { // also against defaults of the file\n", "	if false {\n", "TestInitMindsDefaults", "./cmd/vbcvault"},
	{"the service's user can't read the secrets", "cmd/vbcvault/initplace.go", "		return accessTo{mode: 0o640, user: -1, group: p.group}\n", "		return accessTo{mode: 0o600, user: -1, group: -1}\n", "TestInitSetsUpTheService", "./cmd/vbcvault"},
	{"everybody can read the secrets", "cmd/vbcvault/initplace.go", "	return accessTo{mode: 0o600, user: -1, group: -1}\n", "	return accessTo{mode: 0o644, user: -1, group: -1}\n", "TestScripts/init", "./cmd/vbcvault"},
	{"an account that was archived gets another manifest", "cmd/vbcvault/initwrite.go", " && !u.hasManifest() {", " {", "TestInitKeepsTheManifest", "./cmd/vbcvault"},
	{"answers are lost when it is interrupted", "cmd/vbcvault/initdraft.go", "	return u.takeUp(d)\n", "	return nil\n", "TestInitContinues", "./cmd/vbcvault"},
	{"keys that end are written for runs at night", "cmd/vbcvault/initbucket.go", "	case found.SessionToken != \"\":\n", "	case false:\n", "TestScripts/init", "./cmd/vbcvault"},
}
