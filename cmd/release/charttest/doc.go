// Package charttest tries the Helm chart as its users do: it is linted, its templates
// are filled with several sets of values, and what comes out is decoded strictly with
// Kubernetes' own types. It is a module of its own: Helm takes minutes to build, and
// nothing of it is needed to make a release.
package charttest
