package pipeline

// networkMutations break what keeps databases off network file systems.
var networkMutations = []mutation{
	{"a service begins although its state is on FUSE", "cmd/vbcvault/service/state.go", "	if err := Place(dir); err != nil {\n		return nil, err\n	}\n	lock, err", "	lock, err", "TestStateIsNotOnFUSE", "./cmd/vbcvault/service"},
	{"a command opens the state that a service shares by the network", "cmd/vbcvault/service/state.go", "	if err := Place(dir); err != nil {\n		return nil, err\n	}\n	return open(ctx, path, \"\", false)", "	return open(ctx, path, \"\", false)", "TestServiceSharedByTheNetwork", "./cmd/vbcvault"},
	{"the page's state is made on FUSE", "cmd/vbcvault/web/state/state.go", "path); err != nil {\n		return nil, err\n	}\n	if err := os.MkdirAll", "path); err != nil && false {\n		return nil, err\n	}\n	if err := os.MkdirAll", "TestStateOnFUSE", "./cmd/vbcvault"},
	{"serve begins before it has looked where the manifests are", "cmd/vbcvault/serve.go", "	if err := refuseNetwork(ctx, c, state); err != nil {\n		return err\n	}\n", "", "TestServeWithAManifestOnFUSE", "./cmd/vbcvault"},
	{"a file that is read again may put a manifest on FUSE", "cmd/vbcvault/serve.go", "				err = refuseNetwork(ctx, c, state)\n", "", "TestServeWithAManifestOnFUSE", "./cmd/vbcvault"},
	{"doctor opens a manifest on FUSE", "cmd/vbcvault/diagnose.go", "if err = place.Fit(path); err == nil {", "{", "TestDoctorLeavesAManifestOnFUSE", "./cmd/vbcvault"},
	{"only the lock's place is looked at", "storage/mount/database.go", "[]string{filepath.Dir(path), path}", "[]string{filepath.Dir(path)}", "TestDatabase", "./storage/mount"},
	{"a share of Azure Files is a disk", "storage/mount/mount.go", "\"cifs\", ", "", "TestVolumes", "./storage/mount"},
}
