// Package access says who somebody is who opens the page, and what they may do there:
// roles and what limits them, users with passwords, one-time links, OpenID Connect and
// sessions. Whatever it doesn't allow is refused by the page before a handler runs.
package access

import (
	"context"
	"slices"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// Right is something that somebody may do.
type Right string

const (
	See      Right = "see"      // search, and read all that is known of calls in one's scope
	Play     Right = "play"     // hear them
	Download Right = "download" // get the audio as a file, and the ZIP with proofs
	Thaw     Right = "thaw"     // have cold audio brought back, which costs money
	Hold     Right = "hold"     // put a hold on recordings
	Release  Right = "release"  // end one, or agree to that
	Oversee  Right = "oversee"  // the state of all accounts, report and audit
	Log      Right = "log"      // who has listened
	Admin    Right = "admin"    // users and sessions
)

// rights is what each role may do, within its scope.
var rights = map[string][]Right{
	"auditor":    {See, Play, Download, Oversee, Log},
	"supervisor": {See, Play},
	"holder":     {See, Play, Download, Thaw, Hold, Release, Oversee},
	"admin":      {See, Play, Download, Thaw, Hold, Release, Oversee, Log, Admin},
}

// Role is a role with its limits.
type Role struct {
	Name       string // as the configuration or the program calls it
	Kind       string // auditor, supervisor, holder or admin
	Accounts   []string
	Extensions []string
	MaxAge     time.Duration
	Download   bool
}

// Viewer is somebody who has signed in.
type Viewer struct {
	ID      string // who they are, whatever they are called: two people never have one
	Name    string // for logs and entries; no address of a mail unless the provider names people so
	Role    Role
	Session string // of the page, hashed: which sign-in it is
	From    string // the address of whoever asks
}

// May reports whether somebody has a right at all.
func (v *Viewer) May(r Right) bool {
	return v != nil && (slices.Contains(rights[v.Role.Kind], r) || r == Download && v.Role.Download)
}

// Sees reports whether an account is in somebody's scope, by its name.
func (v *Viewer) Sees(account string) bool {
	return v != nil && (v.Role.Accounts == nil || slices.Contains(v.Role.Accounts, account))
}

// Scope is what of an account's recordings somebody may see now.
func (v *Viewer) Scope(now time.Time) (s manifest.Scope) {
	s.Extensions = v.Role.Extensions
	if v.Role.MaxAge > 0 {
		s.Since = now.Add(-v.Role.MaxAge)
	}
	return s
}

type viewerKey struct{}

// With is a context in which somebody is known.
func With(ctx context.Context, v *Viewer) context.Context {
	return context.WithValue(ctx, viewerKey{}, v)
}

// From is who asks; nil if nobody has signed in.
func From(ctx context.Context) *Viewer {
	v, _ := ctx.Value(viewerKey{}).(*Viewer)
	return v
}
