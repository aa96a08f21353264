package pipeline

// mediaMutations break how audio is read in ranges, played and drawn.
var mediaMutations = []mutation{
	{"a server that sends everything is taken at its first bytes", "storage/s3store/ranges.go", "io.CopyN(io.Discard, out.Body, off-from)", "io.CopyN(io.Discard, out.Body, 0)", "TestOddAnswersToARange", "./storage/s3store"},
	{"a range of another object is answered", "storage/s3store/ranges.go", "o.ETag != \"\" && has != \"\" && bare(has) != bare(o.ETag)", "false && bare(has) != \"\"", "TestOddAnswersToARange", "./storage/s3store"},
	{"a range that ends early is whole", "storage/exactly.go", "	case err == io.EOF:\n", "	case false:\n", "TestOddAnswersToARange", "./storage/s3store"},
	{"a file of another size is read as the one that is known", "storage/dirstore/read.go", "	case o.Proven() && info.Size() != o.Size:", "	case false:", "TestRangesOfAnotherSize", "./storage/dirstore"},
	{"damaged audio ends as if it were whole", "cmd/vbcvault/web/media/reader.go", "has != r.object.SHA256 {", "has != r.object.SHA256 && false {", "TestDamageIsNeverWhole", "./cmd/vbcvault/web/media"},
	{"the last bytes of damaged audio are sent", "cmd/vbcvault/web/media/reader.go", "	heldBack = 16 << 10\n", "	heldBack = 0\n", "TestDamageIsNeverWhole", "./cmd/vbcvault/web/media"},
	{"a seek asks the store for all that is left", "cmd/vbcvault/web/media/reader.go", "			r.left = w.n\n", "			_ = w.n\n", "TestRanges", "./cmd/vbcvault/web/media"},
	{"audio is sent though nobody could write down who listens", "cmd/vbcvault/web/play.go", "		if err := what.listen(r.Context()); err != nil {\n			return err\n		}\n", "		_ = what.listen(r.Context())\n", "TestNoAudioWithoutAListening", "./cmd/vbcvault/web"},
	{"each range is a listening", "cmd/vbcvault/web/state/plays.go", "	if p == nil || !p.goesOn(now) {\n", "	if true {\n", "TestPlays", "./cmd/vbcvault/web/state"},
	{"another recording's play is taken", "cmd/vbcvault/web/play.go", "s.o.State.Play(ctx, who, pathOf(v.Name, row), s.now())", "s.o.State.Play(ctx, who, v.Name, s.now())", "TestPlaying$", "./cmd/vbcvault/web"},
	{"a call out of scope is played", "cmd/vbcvault/web/recording.go", " || err == nil && !scope.Covers(row) {", " {", "TestAudioOutOfScope", "./cmd/vbcvault/web"},
	{"damage that is heard is no news", "cmd/vbcvault/web/play.go", "check.Refute(context.WithoutCancel(ctx), what.m, what.row, wrong); err != nil {", "errors.Join(nil, ctx.Err()); err != nil {\n\t\t_, _ = check.Refute, wrong", "TestDamagedAudio", "./cmd/vbcvault/web"},
	{"what was found wrong is written down of another copy", "pipeline/check/verify.go", "case err != nil, !same(was.Copy.Audio, row.Copy.Audio), ", "case err != nil, ", "TestRefutedIsWhatThereIsNow", "./pipeline/check"},
	{"what VBC has no more is only doubted", "pipeline/check/verify.go", "row, err := m.Row(ctx, was.Key(), was.Nth)\n", "row, err := was, error(nil)\n", "TestRefutedIsWhatThereIsNow", "./pipeline/check"},
	{"a waveform of damaged audio is drawn", "cmd/vbcvault/web/wave.go", "err == nil && has != o.SHA256 {", "false && has != o.SHA256 {", "TestWaveformOfDamagedAudio", "./cmd/vbcvault/web"},
}
