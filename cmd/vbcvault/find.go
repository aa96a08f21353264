package main

import (
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// findFlags find recordings in a manifest. list, export and restore have them.
type findFlags struct {
	chooseFlags
	ids                []int64
	states             []string
	kind, user         string
	since, until, text string
}

func (f *findFlags) register(fs *pflag.FlagSet) {
	fs.Int64SliceVar(&f.ids, "id", nil, "only recordings with these `ID`s")
	fs.StringSliceVar(&f.states, "state", nil, "only recordings in these `STATES`: "+strings.Join(stateNames(), ", "))
	fs.StringVar(&f.since, "since", "", "only calls that start at `TIME` or later: 2025-01-01 (midnight UTC) or 2025-01-01T00:00:00Z")
	fs.StringVar(&f.until, "until", "", "only calls that start before `TIME`")
	fs.StringVar(&f.kind, "kind", "", "only recordings of this `KIND`: company or on-demand")
	fs.StringVar(&f.user, "user", "", "only on-demand recordings of this user `NUMBER`")
	fs.StringVar(&f.text, "text", "", "only calls with this `TEXT` in a name or number")
	f.chooseFlags.register(fs)
}

func stateNames() (names []string) {
	for _, s := range manifest.States() {
		names = append(names, string(s))
	}
	return names
}

// query turns the flags into a query. One that is given and empty, as by a
// variable that isn't set, is refused: it would find everything.
func (f *findFlags) query(changed func(string) bool) (q manifest.Query, err error) {
	for name, value := range map[string]string{"since": f.since, "until": f.until, "kind": f.kind, "user": f.user, "text": f.text} {
		if changed(name) && strings.TrimSpace(value) == "" {
			return q, usagef("give it a value, or remove it", "--%s is empty, and would match everything", name)
		}
	}
	q = manifest.Query{IDs: f.ids, Owner: f.user, Text: f.text}
	if i := slices.IndexFunc(q.IDs, func(id int64) bool { return id <= 0 }); i >= 0 || changed("id") && len(q.IDs) == 0 {
		return q, usagef("vbcvault list and the names of archived files show ids", "--id is empty or not an id")
	}
	for _, s := range f.states {
		if !slices.Contains(stateNames(), s) {
			return q, usagef(strings.Join(stateNames(), ", "), "--state %q is unknown", s)
		}
		q.States = append(q.States, manifest.State(s))
	}
	if f.kind != "" {
		kinds, err := parseKinds([]string{f.kind})
		if err != nil {
			return q, err
		}
		q.Kind = kinds[0]
	}
	if f.user != "" && !number.MatchString(f.user) {
		return q, usagef("a user's number, as in 745249", "--user %q is not a user", f.user)
	}
	if f.since != "" {
		if q.Since, err = parseMoment("since", f.since); err != nil {
			return q, err
		}
	}
	if f.until != "" {
		if q.Until, err = parseMoment("until", f.until); err != nil {
			return q, err
		}
		if !q.Since.Before(q.Until) {
			return q, usagef("--until must be later", "no time is left between --since and --until")
		}
	}
	q.Filter, err = f.filter(changed)
	return q, err
}
