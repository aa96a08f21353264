package pipeline

// demoMutations break what demo --serve shows.
var demoMutations = []mutation{
	{"a password that was corrected in the demo is written over", "cmd/vbcvault/demoserve.go", "		if _, err := os.Stat(d.secret(a.name)); err == nil {\n", "		if _, err := os.Stat(d.secret(a.name)); err == nil && false {\n", "TestDemoOfTheService$", "./cmd/vbcvault"},
	{"the demo doesn't wait until everybody is told", "cmd/vbcvault/demoserve.go", "allTold(ctx, control, runs); err", "allTold(ctx, control, nil); err", "TestDemoOfTheService$", "./cmd/vbcvault"},
	{"a demo that is stopped says nothing at its end", "cmd/vbcvault/demoserve.go", "d.conclude(context.WithoutCancel(ctx), o)", "d.conclude(ctx, o)", "TestDemoOfTheServiceIsStopped", "./cmd/vbcvault"},
	{"the demo's secrets are in its configuration", "cmd/vbcvault/demoserve.go", "# each night; the demo", "# correct horse; the demo", "TestDemoOfTheService$", "./cmd/vbcvault"},
	{"a run has no environment in the demo", "cmd/vbcvault/demo.go", "		around:      environment(),\n", "", "TestScripts/demo", "./cmd/vbcvault"},
	{"the demo of the page archives a second time", "cmd/vbcvault/demoweb.go", "; err == nil {\n\t\treturn nil\n\t}\n", "; err == nil && false {\n\t\treturn nil\n\t}\n", "TestDemoOfThePage", "./cmd/vbcvault"},
	{"no copy is damaged in the demo of the page", "cmd/vbcvault/demoweb.go", "States: []manifest.State{manifest.Purged}", "States: []manifest.State{manifest.Erased}", "TestDemoOfThePage", "./cmd/vbcvault"},
	{"the demo's supervisor is limited to no extension", "cmd/vbcvault/demoweb.go", `, extensions: ["201", "202"]`, "", "TestDemoOfThePage", "./cmd/vbcvault"},
	{"two simulated calls have the same audio", "vbc/vbctest/calls/calls.go", `	copy(c.tag, "TAG"+name)` + "\n", "", "TestCallsDiffer", "./vbc/vbctest/calls"},
	{"a sentence begins when it ends", "vbc/vbctest/calls/calls.go", "	from := c.frames\n	c.add(l.clip)\n", "	c.add(l.clip)\n	from := c.frames\n", "TestTranscripts", "./vbc/vbctest/calls"},
	{"a simulated recording's size is not that of its sound", "vbc/vbctest/recording.go", "		r.Size = r.Sound.Size()\n", "		r.Size = r.Sound.Size() - 1\n", "TestServed", "./vbc/vbctest/calls"},
}
