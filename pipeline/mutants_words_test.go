package pipeline

// wordsMutations break how recordings are found by what was said.
var wordsMutations = []mutation{
	{"what is being erased is found by its words", "pipeline/manifest/sqlite/words.go", "	saidNew = `iif(new.transcript = '' OR new.state IN ('erasing', 'erased')", "	saidNew = `iif(new.transcript = '' OR new.state IN ('erased')", "TestErasedIsSaidNoMore", "./pipeline/manifest/sqlite"},
	{"what was said in an erased call stays on disk", "pipeline/manifest/sqlite/erase.go", "\"PRAGMA temp_store = FILE\", forgetWords, ", "\"PRAGMA temp_store = FILE\", ", "TestErasedIsSaidNoMore", "./pipeline/manifest/sqlite"},
	{"a text is indexed that the recording has no more", "pipeline/manifest/sqlite/words.go", " || digest != r.Copy.Transcript.SHA256.String())", " || false)", "TestContract/IndexedBeside", "./pipeline/manifest/sqlite"},
	{"a page of one second ends the search", "pipeline/manifest/sqlite/spoken.go", "	w.crowded = len(page) == 0\n", "	w.crowded = false\n	w.done = len(page) == 0\n", "TestContract/CrowdedSecond", "./pipeline/manifest/sqlite"},
	{"a forged transcript is indexed", "pipeline/index/index.go", " || storage.SumOf(file) != of.SHA256", "", "TestWhatWasSaidIsFound|TestIndexOfDamaged", "./pipeline/index"},
	{"what can't be read is asked for again and again", "pipeline/index/index.go", "	return x.manifest.PutOff(ctx, row, time.Now().Add(later))\n", "	_ = later\n	return nil\n", "TestWhatWasSaidIsFound", "./pipeline/index"},
	{"index exits 0 with transcripts that it lacks", "cmd/vbcvault/index.go", "	if r.Complete() && lacks == 0 {\n", "	if true {\n", "TestIndexOfDamaged", "./cmd/vbcvault"},
}
