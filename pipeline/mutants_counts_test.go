package pipeline

// countsMutations have a recording cost a little more than it need, on any machine.
var countsMutations = []mutation{
	{"a recording costs more: a statement", "pipeline/purge.go", "func (r *run) intend(row *item, ev evidence.Verified) error {\n", "func (r *run) intend(row *item, ev evidence.Verified) error {\n\t_ = r.manifest.Deletable(r.work, ev.Recording())\n", "TestCounts$", "./cmd/vbcvault"},
	{"a recording costs more: a commit", "pipeline/transfer.go", "		err := t.manifest.Stored(t.work, rec, t.copied(o))\n", "		_ = t.manifest.Stored(t.work, rec, t.copied(o))\n		err := t.manifest.Stored(t.work, rec, t.copied(o))\n", "TestCounts$", "./cmd/vbcvault"},
	{"a recording costs more: a search without the index", "pipeline/manifest/sqlite/alike.go", "FROM recording INDEXED BY by_audio", "FROM recording NOT INDEXED", "TestCounts$", "./cmd/vbcvault"},
	{"a recording costs more: an fsync", "storage/dirstore/temp.go", "		err = t.store.failed(t.file.Sync())", "		_ = t.file.Sync()\n		err = t.store.failed(t.file.Sync())", "TestCounts$", "./cmd/vbcvault"},
	{"a recording costs more: a file that was just synced is synced again", "storage/dirstore/dirstore.go", "			s.synced.add(key, now)\n", "", "TestCounts$", "./cmd/vbcvault"},
	{"a recording costs more: two HEADs", "pipeline/evidence/evidence.go", "	has, err := store.Stat(ctx, want)", "	_, _ = store.Stat(ctx, want)\n	has, err := store.Stat(ctx, want)", "TestCounts$", "./cmd/vbcvault"},
	{"a recording costs more: a request to VBC", "pipeline/work.go", "	case it.purge && !listed && !it.looked:", "	case it.purge && !it.looked:", "TestCounts$", "./cmd/vbcvault"},
	{"a recording costs more: a copy of the body", "storage/s3store/put.go", "		return s.putSmall(ctx, key, head[:n], body, attrs)", "		return s.putSmall(ctx, key, bytes.Clone(head[:n]), body, attrs)", "TestCounts$", "./cmd/vbcvault"},
	{"a recording costs more: memory for half a body", "pipeline/transfer.go", "	src := newSource(audio, count)\n", "	t.natural = string(make([]byte, max(audio.Length, 0)/4)) // of which the compiler makes two\n	src := newSource(audio, count)\n", "TestCounts$", "./cmd/vbcvault"},
}
