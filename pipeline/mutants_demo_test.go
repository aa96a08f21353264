package pipeline

// demoMutations break what demo --serve shows.
var demoMutations = []mutation{
	{"a password that was corrected in the demo is written over", "cmd/vbcvault/demoserve.go", "		if _, err := os.Stat(d.secret(a.name)); err == nil {\n", "		if _, err := os.Stat(d.secret(a.name)); err == nil && false {\n", "TestDemoOfTheService$", "./cmd/vbcvault"},
	{"the demo doesn't wait until everybody is told", "cmd/vbcvault/demoserve.go", "allTold(ctx, control, runs); err", "allTold(ctx, control, nil); err", "TestDemoOfTheService$", "./cmd/vbcvault"},
	{"a demo that is stopped says nothing at its end", "cmd/vbcvault/demoserve.go", "d.conclude(context.WithoutCancel(ctx), o)", "d.conclude(ctx, o)", "TestDemoOfTheServiceIsStopped", "./cmd/vbcvault"},
	{"the demo's secrets are in its configuration", "cmd/vbcvault/demoserve.go", "# each night; the demo", "# correct horse; the demo", "TestDemoOfTheService$", "./cmd/vbcvault"},
	{"a run has no environment in the demo", "cmd/vbcvault/demo.go", "		around:      environment(),\n", "", "TestScripts/demo", "./cmd/vbcvault"},
}
