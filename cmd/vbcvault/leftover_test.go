package main_test

import (
	"bytes"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// without is an environment without some variables.
func without(env []string, names ...string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains(names, name)
	})
}

// Where nobody has said where manifests lie, and HOME is nobody's, it is said
// before anything is asked of VBC.
func TestNowhereToKeepTheManifest(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("other variables")
	}
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	mustDo(t, os.WriteFile(file, nil, 0o600))
	for name, more := range map[string][]string{
		"HOME is /":                   {"HOME=/"},
		"HOME is /, written oddly":    {"HOME=//."},
		"no HOME":                     nil,
		"an empty HOME":               {"HOME="},
		"a HOME that isn't there":     {"HOME=/nonexistent"},
		"a HOME that is a file":       {"HOME=" + file},
		"a state directory in a file": {"VBCVAULT_STATE_DIR=" + file + "/vbcvault"},
		"not to be written":           {"VBCVAULT_STATE_DIR=/nowhere/vbcvault"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, vbctest.Config{}).inDir()
			w.someRecordings(1)
			w.env = append(without(w.env, "HOME", "VBCVAULT_STATE_DIR"), more...)
			cmd := w.command("archive", "--to", w.to, "--older-than", "90d")
			if name == "not to be written" {
				if os.Getuid() != 0 {
					t.Skip("/ may be anybody's")
				}
				copied := filepath.Join(publicDir(t), "vbcvault")
				copyProgram(t, copied)
				cmd.Path = copied
				asNobody(t, cmd)
			}
			r := w.finish(cmd)
			if r.code != 2 || !strings.Contains(r.stderr, "set VBCVAULT_STATE_DIR") {
				t.Errorf("exit %d: %s", r.code, r.stderr)
			}
			if n := w.account.Counts().Total; n != 0 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

// publicDir is a directory that every user may enter.
func publicDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "vbcvault-public-")
	mustDo(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	mustDo(t, os.Chmod(dir, 0o755))
	return dir
}

func TestPasswordInAnAddressIsNotPrinted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	for _, address := range []string{
		"https://user:Url-S3cr3t@api.example", "https://Url-S3cr3t@api.example", "https://user:Url-S3cr3t@api.example:bad", "https://api.example/?key=Url-S3cr3t",
		"https://user:Url-S3cr3t@/", "user:Url-S3cr3t@api.example", "https://user:Url-S3cr3t%zz@api.example", "ftp://user:Url-S3cr3t@api.example",
	} {
		w.env = append(without(w.env, "VBC_API_URL"), "VBC_API_URL="+address)
		for _, args := range [][]string{{"archive", "--older-than", "90d", "--to", w.to}, {"doctor", "--to", w.to}} {
			if r := w.run(args...); r.code == 0 || strings.Contains(r.stdout+r.stderr, "S3cr3t") {
				t.Errorf("%s, %s: exit %d, or the password is shown", address, args[0], r.code)
			}
		}
	}
}

// After an erasure no run, listing or export says which caller it was narrowed to,
// also where an earlier version has written it out.
func TestFilterLeavesNoCaller(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	calls(w)
	caller, name := []byte("17325550100"), []byte("ACME INC")
	w.want(w.archive("--older-than", "90d", "--caller-id", "17325550100", "--cnam", "ACME INC", "--delete"), 0, nil)
	for _, id := range []string{"1", "2", "4", "8"} {
		if w.account.Has(vbctest.Company, 0, int64(id[0]-'0')) {
			w.account.Remove(int64(id[0] - '0'))
		}
	}
	w.want(w.archive("--older-than", "90d", "--delete"), 0, nil)
	db, err := sql.Open("sqlite", w.manifest())
	mustDo(t, err)
	for _, old := range []string{
		`UPDATE run SET options = json_set(options, '$.Filter', json('{"CallerID":"17325550100","CNAM":"ACME INC"}'))`,
		`INSERT INTO listing (kind, owner, filter, since, until, full_at) VALUES ('company', '', 'caller_id=17325550100', 0, 0, 0)`,
	} {
		_, err = db.Exec(old)
		mustDo(t, err)
	}
	mustDo(t, db.Close())
	var erased []string
	for _, id := range []string{"1", "2", "3", "4", "8"} {
		if r := w.erase("--id", id); r.code == 0 {
			erased = append(erased, id)
		}
	}
	t.Logf("erased: %v", erased)
	if files := w.manifestFiles(); bytes.Contains(files, []byte("caller_id=17325550100")) || bytes.Contains(files, []byte(`"CallerID":"17325550100"`)) || bytes.Contains(files, []byte(`"CNAM":"ACME INC"`)) {
		t.Errorf("%s, or %s, is left in the manifest", caller, name)
	}
	w.want(w.archive("--older-than", "90d", "--caller-id", "17325550199", "--delete"), 0, nil)
	if bytes.Contains(w.manifestFiles(), []byte("17325550199")) {
		t.Error("a run writes down to which caller it is narrowed")
	}
}

// A hold with a date covers that day wherever its speaker lives.
func TestHoldDates(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	day := time.Now().UTC().Truncate(24*time.Hour).AddDate(-1, 0, 0)
	var in, out []vbctest.Recording
	for i, at := range []time.Duration{-49 * time.Hour, -13 * time.Hour, time.Hour, 47 * time.Hour, 73 * time.Hour} {
		r := vbctest.Recording{Kind: vbctest.Company, ID: int64(i + 1), Start: day.Add(at)}
		w.account.Add(r)
		if i == 0 || i == 4 {
			out = append(out, r)
		} else {
			in = append(in, r)
		}
	}
	w.want(w.archive("--older-than", "90d"), 0, nil)
	r := w.run(append([]string{"hold", "add", "--since", day.Format(time.DateOnly), "--until", day.AddDate(0, 0, 1).Format(time.DateOnly)}, byCounsel...)...)
	from, until := day.AddDate(0, 0, -1).Format(time.RFC3339), day.AddDate(0, 0, 2).Format(time.RFC3339)
	if r.code != 0 || !strings.Contains(r.stdout, from) || !strings.Contains(r.stdout, until) || !strings.Contains(r.stdout, "one day wider") {
		t.Errorf("it doesn't say what is covered: %s", r.stdout)
	}
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": len(out), "skipped": len(in)})
	for _, rec := range in {
		if !w.account.Has(rec.Kind, 0, rec.ID) {
			t.Errorf("%s is within the dates in some zone, and was deleted", rec.Start)
		}
	}
	exact := w.run(append([]string{"hold", "add", "--until", "2025-07-01T00:00:00-05:00"}, byCounsel...)...)
	if !strings.Contains(exact.stdout, "before 2025-07-01T05:00:00Z") || strings.Contains(exact.stdout, "one day wider") {
		t.Errorf("a time isn't taken exactly: %s", exact.stdout)
	}
}

// A hold that has ended outlives the recording, and erase says so.
func TestEraseTellsOfHolds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	calls(w)
	w.want(w.archive("--older-than", "90d"), 0, nil)
	w.hold(append([]string{"add", "--caller-id", "17325550100"}, byCounsel...)...)
	w.want(w.archive("--older-than", "90d"), 0, nil)
	w.hold(append([]string{"remove", "1"}, byCounsel...)...)
	w.want(w.archive("--older-than", "90d", "--delete"), 0, nil)
	held := slices.DeleteFunc(w.of("holds/"), func(key string) bool { return strings.Contains(key, ".removed.") })
	r := w.erase("--id", "1")
	if r.code != 0 || len(held) != 1 || !strings.Contains(r.stderr, held[0]) {
		t.Errorf("exit %d; it doesn't name %v", r.code, held)
	}
	if r := w.erase("--id", "3"); r.code != 0 || strings.Contains(r.stderr, "holds/") { // another caller's
		t.Errorf("exit %d: %s", r.code, r.stderr)
	}
}

// What gives whoever has it access to the audio isn't kept beside it for years.
// The download has it all the same.
func TestSignaturesAreNotStored(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	host := ""
	for _, v := range w.env {
		if rest, ok := strings.CutPrefix(v, "VBC_API_URL="); ok {
			host = rest
		}
	}
	const secret = "5ecret-signature"
	start := time.Now().UTC().Truncate(time.Second).AddDate(-1, 0, 0)
	var all []vbctest.Recording
	for i, query := range []string{"X-Amz-Expires=60&X-Amz-Signature=" + secret, "sig=" + secret + "&sv=1", "Signature=" + secret, "kind=x&token=" + secret, "X%2DAmz%2DSignature=" + secret} {
		id := int64(i + 1)
		r := vbctest.Recording{Kind: vbctest.Company, ID: id, Start: start.Add(time.Duration(i) * time.Minute),
			DownloadURL: fmt.Sprintf("%s/t/vbc.prod/call_recording/v1/api/audio/recording/%d?%s", host, id, query),
			Extra:       map[string]any{"note": "50% < 60% & \"more\"", "mirror": "https://user:" + secret + "@mirror.example/x?a=1"}}
		w.account.Add(r)
		all = append(all, r)
	}
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": len(all)})
	for _, key := range w.of(".json") {
		if strings.HasPrefix(key, "receipts/") {
			continue
		}
		text := w.read(key)
		if bytes.Contains(text, []byte(secret)) || !bytes.Contains(text, []byte("=removed")) || !bytes.Contains(text, []byte("mirror.example/x?a=1")) {
			t.Errorf("%s: %s", key, text)
		}
	}
	for _, key := range w.of(".mp3") {
		if len(w.read(key)) == 0 {
			t.Errorf("%s is empty", key)
		}
	}
	if r := w.run("rebuild", "--from", w.to, "--manifest", filepath.Join(w.state, "new")); r.code != 0 {
		t.Error("it can't be rebuilt")
	}
	if r := w.run("verify", "--deep"); r.code != 0 {
		t.Error("it isn't sound")
	}
}

// Of receipts that are missing, audit names just those.
func TestAuditNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	for i := range 3 {
		w.account.Add(vbctest.Recording{ID: int64(i + 1), Start: time.Now().UTC().Truncate(time.Second).AddDate(-1, 0, i)})
		w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 1})
	}
	bundles := w.receipts()
	if len(bundles) != 3 {
		t.Fatalf("%v", bundles)
	}
	kept := map[string][]byte{}
	for _, b := range bundles {
		kept[b] = w.read(b)
	}
	for lost, want := range map[int]string{0: "entries 1 to 2 ", 1: "entries 3 to 4 ", 2: "entries 5 to 6 "} {
		w.remove(bundles[lost])
		r := w.run("audit")
		if r.code != 1 || strings.Count(r.stdout, "are missing") != 1 || !strings.Contains(r.stdout, want) {
			t.Errorf("without %s: exit %d, want it to name %s", bundles[lost], r.code, want)
		}
		mustDo(t, os.WriteFile(w.file(bundles[lost]), kept[bundles[lost]], 0o600))
	}
}
