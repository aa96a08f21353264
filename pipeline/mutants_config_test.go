package pipeline

// configMutations break what a configuration file is taken for.
var configMutations = []mutation{
	{"a mistake shows the secret that stands in the file", "cmd/vbcvault/config/secret.go", `"a secret must not be in the file itself")`, `"a secret must not be in the file itself: "+n.Value)`, "TestMistakes|FuzzLoad", "./cmd/vbcvault/config"},
	{"a secret with a comma is shown as a key", "cmd/vbcvault/config/decode.go", "	torn := tornSecret(n, fields)\n", "	torn := tornSecret(n, nil)\n", "TestMistakes|FuzzLoad", "./cmd/vbcvault/config"},
	{"a program's arguments are shown", "cmd/vbcvault/config/secret.go", `"program " + s.Exec[0]`, `"program " + strings.Join(s.Exec, " ")`, "TestSecretsAreFetched", "./cmd/vbcvault/config"},
	{"what AWS says is shown", "cmd/vbcvault/config/secretaws.go", "		return errors.New(api.ErrorCode())\n", "		return errors.New(api.ErrorCode() + api.ErrorMessage())\n", "TestSecretsOfAWS", "./cmd/vbcvault/config"},
	{"the secrets of AWS are asked for in the open", "cmd/vbcvault/config/secretaws.go", "	if open(client.Options().BaseEndpoint) {", "	if false {", "TestSecretsOfAWS", "./cmd/vbcvault/config"},
	{"the second of two equal keys counts", "cmd/vbcvault/config/decode.go", "first, twice := lines[key.Value]; twice {", "first, twice := lines[key.Value]; twice && false {", "TestMistakes", "./cmd/vbcvault/config"},
	{"defaults beat the account", "cmd/vbcvault/config/merge.go", "	layers = append(layers, &a.section) // the nearest last\n", "	layers = append([]*section{&a.section}, layers...)\n", "TestNearestCounts", "./cmd/vbcvault/config"},
	{"a file deletes what a flag would not", "cmd/vbcvault/config/flags.go", `	"trust-archive":    "`, `	"trust_archive":    "`, "TestFlagsAreKeysOrRefused", "./cmd/vbcvault"},
	{"two accounts have one manifest, and nobody says so", "cmd/vbcvault/configcheck.go", "if other, ok := manifests[a.Manifest]; ok {", "if other, ok := manifests[a.Manifest]; ok && false {", "TestConfigCheckOnWrongFiles", "./cmd/vbcvault"},
	{"what flags have to do with each other isn't checked", "cmd/vbcvault/configcheck.go", "		c.mistake(a, a.located(err))\n		one.usable = false\n		return one\n", "		one.usable = false\n		return one\n", "TestConfigCheckOnWrongFiles", "./cmd/vbcvault"},
	{"the file that is made holds secrets", "cmd/vbcvault/configinit.go", `		return "{env: " + variable + "}"`, `		return os.Getenv(variable)`, "TestConfigInitLeads", "./cmd/vbcvault"},
}
