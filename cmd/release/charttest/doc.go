// Package charttest tries the Helm chart as its users do: it is linted, its templates
// are filled with several sets of values, and what comes out is decoded strictly with
// Kubernetes' own types. What the pods would run is run: with their arguments, their
// user, their files and their environment, at other paths and ports; the probes are
// asked. It is a module of its own: Helm takes minutes to build, and nothing of it is
// needed to make a release.
//
// Three files of the chart are made of something else, and held to it: the README's
// table of values.yaml's comments, values.schema.json of these and of vbcvault's schema
// of its configuration, and files/alerts.yaml of what vbcvault metrics prints. After a
// new value, a new key of the configuration or a new flag of vbcvault archive, make them
// again:
//
//	go -C cmd/release/charttest test . -run 'TestSchema$|TestReadme$|TestAlerts$' -update
//
// The tests of the release run these tests on the chart as it is packed, with the program
// that was built with it.
package charttest
