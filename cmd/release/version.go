package main

// version is that of a release: of the tag at its commit, as in v1.2.3, or else one
// that sorts before the next release.
type version struct {
	semver string // without v, as in 1.2.3 or 0.0.0-dev.20261128060102.0123456789ab
}

// package versions sort as semver does: ~ is before everything in deb and rpm.
func (v version) String() string { return v.semver }
