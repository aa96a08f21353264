package pipeline

// countsMutations have a recording cost a little more than it need, on any machine.
var countsMutations = []mutation{
	{"holds are read once more for each recording", "pipeline/purge.go", "func (r *run) intend(row *item, ev evidence.Verified) error {\n", "func (r *run) intend(row *item, ev evidence.Verified) error {\n\t_ = r.manifest.Unheld(r.work, ev.Recording())\n", "TestCounts$", "./cmd/vbcvault"},
	{"a copy is written down in two commits", "pipeline/transfer.go", "		err := t.manifest.Stored(t.work, rec, t.copied(o))\n", "		_ = t.manifest.Stored(t.work, rec, t.copied(o))\n		err := t.manifest.Stored(t.work, rec, t.copied(o))\n", "TestCounts$", "./cmd/vbcvault"},
	{"another file's identical sound is looked for without the index", "pipeline/manifest/sqlite/alike.go", "FROM recording INDEXED BY by_audio", "FROM recording NOT INDEXED", "TestCounts$", "./cmd/vbcvault"},
	{"a file is made durable twice", "storage/dirstore/temp.go", "		err = t.store.failed(t.file.Sync())", "		_ = t.file.Sync()\n		err = t.store.failed(t.file.Sync())", "TestCounts$", "./cmd/vbcvault"},
	{"each object is looked at twice", "pipeline/evidence/evidence.go", "	has, err := store.Stat(ctx, want)", "	_, _ = store.Stat(ctx, want)\n	has, err := store.Stat(ctx, want)", "TestCounts$", "./cmd/vbcvault"},
	{"what is listed is asked for again before its deletion", "pipeline/work.go", "	case it.purge && !listed && !it.looked:", "	case it.purge && !it.looked:", "TestCounts$", "./cmd/vbcvault"},
	{"a body is copied before it is sent", "storage/s3store/put.go", "		return s.putSmall(ctx, key, head[:n], body, attrs)", "		return s.putSmall(ctx, key, bytes.Clone(head[:n]), body, attrs)", "TestCounts$", "./cmd/vbcvault"},
	{"memory is taken for a body that nobody uses", "pipeline/transfer.go", "	src := newSource(audio, count)\n", "	t.natural = string(make([]byte, max(audio.Length, 0)/2))\n	src := newSource(audio, count)\n", "TestCounts$", "./cmd/vbcvault"},
}
