package manifest

import "github.com/vbcvault/vbcvault/vbc"

// Standing is what decides whether a recording may be deleted, as a manifest has it at one
// moment.
type Standing struct {
	Known   bool // the manifest has it
	Refuted bool // a reading has found its copy wrong
	Holds   bool // there is a hold in force, whatever it covers
}

// Deletable is a *HeldError if r is under a hold, which unheld finds out, and a
// *RefutedError if a reading has found its copy wrong, save where refuted says that the
// caller knows that. Mostly there are no holds, and then unheld isn't asked. Of a recording
// that isn't known only holds say anything.
func (s Standing) Deletable(r vbc.Recording, refuted bool, unheld func() error) error {
	if s.Holds || !s.Known {
		if err := unheld(); err != nil {
			return err
		}
	}
	if s.Refuted && !refuted {
		return &RefutedError{Recording: r}
	}
	return nil
}
