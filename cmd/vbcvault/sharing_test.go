//go:build unix

package main_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres"
	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres/postgrestest"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// What one machine was refused with, the others don't try; and what it has learned of the
// quota, they know: by the application, or by the group that somebody has named.
func TestMachinesShareWhatVBCSays(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{LockAfter: 3}).inDir()
	w.someRecordings(2)
	database := postgrestest.New(t)
	w.env = append(w.env, "VBCVAULT_DATABASE_URL="+database, "VBCVAULT_SIGNING_KEY="+newKey(t))
	machine := func(env ...string) result {
		cmd := w.command("archive", "--older-than", "90d", "--to", w.to, "--json")
		cmd.Env = append(slices.Clone(w.env), append([]string{"VBCVAULT_STATE_DIR=" + t.TempDir()}, env...)...)
		return w.finish(cmd)
	}
	logins := func() int64 { return int64(w.account.Counts().ByKind[vbctest.Token]) }
	for i := range 3 {
		r := machine("VBC_PASSWORD=wrong")
		if r.code != 3 || logins() != 1 {
			t.Errorf("machine %d ended with %d, after %d logins: %s", i, r.code, logins(), r.stderr)
		}
		if i > 0 {
			w.says(r, "VBC refused this user and password at", "does not try them again before")
		}
	}
	w.want(machine(), 0, map[string]int{"archived": 2})
	w.want(machine("VBCVAULT_QUOTA_GROUP=main"), 0, map[string]int{"archived": 0})
	common, err := postgres.OpenCommon(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer common.Close()
	groups, now, err := common.Quotas(t.Context())
	if err != nil || len(groups) != 2 || !strings.HasPrefix(groups[0].Name, "client-") || groups[1].Name != "main" || now.Before(groups[1].Changed) {
		t.Errorf("%+v, %v, %v", groups, now, err)
	}
	left, err := common.RefusedLogins(t.Context(), 1<<50)
	if err != nil || len(left) != 1 {
		t.Errorf("%+v, %v; want that of the wrong password", left, err)
	}
	for _, l := range left {
		if strings.Contains(l.Reason, "wrong") || len(l.Digest) != 32 || len(l.Whose) != 2 {
			t.Errorf("%+v", l)
		}
	}
}
