package pipeline

// placeMutations break where manifests lie: in files, and in databases.
var placeMutations = []mutation{
	{"a password in an address is taken", "pipeline/manifest/postgres/place.go", "	if _, has := u.User.Password(); has || q.Has(\"password\") || q.Has(\"sslpassword\") {", "	if false {", "TestScriptsOnADatabase/passwords", "./cmd/vbcvault"},
	{"a manifest that was moved goes on being used", "pipeline/manifest/place/place.go", "	if err == nil && to != \"\" {", "	if false {", "TestScriptsOnADatabase/move", "./cmd/vbcvault"},
	{"a manifest is copied to where its key isn't", "cmd/vbcvault/manifestcopy.go", "is != verifier {", "is == \"\" {", "TestScriptsOnADatabase/move", "./cmd/vbcvault"},
	{"holds go into manifests that nobody uses", "cmd/vbcvault/holdwhere.go", "p.Moved != \"\" && w.path", "false && w.path", "TestScriptsOnADatabase/move", "./cmd/vbcvault"},
	{"a hold that is added while a manifest is moved is left behind", "pipeline/manifest/place/move.go", "copied.Contents(ctx)); err != nil {", "copied.Contents(ctx)); err != nil && false {", "TestHoldAddedWhileMoved", "./pipeline/manifest/place"},
	{"a manifest whose place is taken while it is moved is used no more", "pipeline/manifest/place/move.go", "	if taken {\n", "	if false {\n", "TestPlaceTakenWhileMoved", "./pipeline/manifest/place"},
	{"a manifest is emptied with the tables of the service", "pipeline/manifest/postgres/create.go", " AND a.atttypid = 'bigint'::regtype", "", "TestScriptsOnADatabase/upkeep", "./cmd/vbcvault"},
}
