package code

import (
	"maps"
	"slices"
	"testing"
)

var tables = map[string][]Entry{"Failures": Failures, "HeldBack": HeldBack, "LeftAlone": LeftAlone, "Ended": Ended, "Troubles": Troubles, "Audited": Audited, "Remarked": Remarked}

// A table says each code once, and something of it.
func TestTablesAreWellFormed(t *testing.T) {
	t.Parallel()
	for _, name := range slices.Sorted(maps.Keys(tables)) {
		seen := map[string]bool{}
		for _, e := range tables[name] {
			if e.Code == "" || e.Meaning == "" || seen[e.Code] {
				t.Errorf("%s: %+v is empty, or there twice", name, e)
			}
			seen[e.Code] = true
		}
	}
}

// A code that stands for its kind finds what is said of that; one of its own
// comes first; none of them is found by chance.
func TestAbout(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]string{
		Size: Size, Malformed: Malformed, OfStatus(404, 0): "vbc-*", OfStatus(403, 900800): "vbc-*",
		TranscriptMark + OfStatus(404, 0): TranscriptMark + "*", TranscriptMark + Size: TranscriptMark + "*", DeletionMark + OfStatus(409, 0): DeletionMark + "*", "sizes": "", "": "", "vbc": "",
	} {
		if e := About(Failures, code); e.Code != want {
			t.Errorf("%q is found as %q, want %q", code, e.Code, want)
		}
	}
	if a, b := OfStatus(403, 0), OfStatus(403, 900800); a != "vbc-403" || b != "vbc-403-900800" {
		t.Errorf("%q, %q", a, b)
	}
}

// Each code with which a run may end stops it for safety or doesn't: somebody has
// decided that.
func TestBrakesAreDecided(t *testing.T) {
	t.Parallel()
	none := []string{
		NothingListed, SelfUnknown, NoToken, PlanAccount, NotBound, OthersCatalog, Blocked, Outage, QuotaClosed, QuotaRefusals, Login, ManifestWrite, NetworkDisk, AnotherRun,
		Lease, Database, Interrupted, Incomplete, Usage, Failed, StoreRefused, Malformed, vbcPrefix + "*", // somebody else's refusal, or nothing that is dangerous
		ErasedAlready, DeletionOpen, StillAtVBC, Hold, Retained, NotArchived, NotIntact, Unvouched, WhichOne, // no run ends with them
	}
	for _, e := range Ended {
		if slices.Contains(Brakes, e.Code) == slices.Contains(none, e.Code) {
			t.Errorf("%s: does it stop a run for safety? add it to Brakes, or here", e.Code)
		}
	}
	for _, c := range Brakes {
		if About(Ended, c).Code != c {
			t.Errorf("no run ends with %s", c)
		}
	}
}
