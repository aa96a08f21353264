package main_test

import (
	"bytes"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// A refused password is remembered beside the manifests, and nothing tries it again
// before it is changed or the lock is over: no run, to whatever destination, no dry
// run, no doctor.
func TestRefusedPasswordIsRemembered(t *testing.T) {
	t.Parallel()
	notShort(t, "makes keys of many passwords, on purpose slowly")
	for name, first := range map[string][]string{
		"run":     {"archive", "--older-than", "90d"},
		"dry run": {"archive", "--older-than", "90d", "--dry-run"},
		"doctor":  {"doctor"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, vbctest.Config{LockAfter: 3}).inDir()
			all := w.someRecordings(2)
			w.setenv("VBC_PASSWORD", "not the one")
			if r := w.run(append(first, "--to", w.to)...); r.code == 0 {
				t.Error("a wrong password is fine")
			}
			here := w.to
			for _, args := range [][]string{{"archive", "--older-than", "90d"}, {"archive", "--older-than", "90d", "--dry-run"}, {"doctor"}} {
				for _, to := range []string{here, "file://" + t.TempDir()} {
					r := w.run(append(args, "--to", to)...)
					until := regexp.MustCompile(`does not try them again before (\S+),`).FindStringSubmatch(r.stdout + r.stderr)
					if until == nil || r.code != 3 && args[0] == "archive" || r.code != 1 && args[0] == "doctor" || !strings.Contains(r.stdout+r.stderr, "vbcvault tries another password at once") {
						t.Errorf("%v: exit %d", args, r.code)
						continue
					}
					if at, err := time.Parse(time.RFC3339, until[1]); err != nil || time.Until(at) > 35*time.Minute || time.Until(at) < 30*time.Minute {
						t.Errorf("until %s", until[1])
					}
				}
			}
			if n := w.account.Counts().Total; n != 1 {
				t.Errorf("%d requests, want the one that was refused", n)
			}
			file := filepath.Join(w.state, "refused-logins.json")
			text, err := os.ReadFile(file)
			info, e := os.Stat(file)
			if err != nil || e != nil || info.Mode().Perm() != 0o600 {
				t.Fatalf("%v, %v, %v", err, e, info)
			}
			for _, secret := range []string{"not the one", "secret\"", "correct horse"} {
				if bytes.Contains(text, []byte(secret)) {
					t.Errorf("the file holds %q", secret)
				}
			}
			// When the lock is over it is tried again, and remembered again.
			at := regexp.MustCompile(`"at": "[^"]*"`)
			age := func(by time.Duration) {
				old := at.ReplaceAll(text, []byte(`"at": "`+time.Now().Add(-by).UTC().Format(time.RFC3339)+`"`))
				if err := os.WriteFile(file, old, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			age(34 * time.Minute)
			w.want(w.archive("--older-than", "90d"), 3, nil)
			if n := w.account.Counts().Total; n != 1 {
				t.Errorf("%d requests after 34 minutes", n)
			}
			for range 2 {
				age(36 * time.Minute)
				w.want(w.archive("--older-than", "90d"), 3, nil)
			}
			if n := w.account.Counts().Total; n != 3 || !w.account.Locked() {
				t.Errorf("%d requests after 36 minutes, twice", n)
			}
			// What is locked is said, and a file from a clock that was wrong stops nobody.
			age(-time.Hour)
			r := w.archive("--older-than", "90d")
			w.want(r, 3, nil)
			w.says(r, "VBC has locked the user", "wait until")
			w.account.Unlock()
			w.setenv("VBC_PASSWORD", "correct horse")
			w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 2})
			w.mustHold(all...)
			if err := os.WriteFile(file, []byte("{broken"), 0o600); err != nil {
				t.Fatal(err)
			}
			w.want(w.archive("--older-than", "90d"), 0, nil)
			if _, err := os.Stat(file); !os.IsNotExist(err) {
				t.Errorf("a success doesn't forget: %v", err)
			}
		})
	}
}

// A manifest that lies elsewhere makes no difference: neither to what is refused
// with it, nor to what is refused without. Nor does another application, where it
// is the user that is locked.
func TestRefusedPasswordWithAnotherManifest(t *testing.T) {
	t.Parallel()
	notShort(t, "makes keys of many passwords, on purpose slowly")
	for name, first := range map[string]bool{"with it": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, vbctest.Config{LockAfter: 1}).inDir()
			all := w.someRecordings(2)
			w.setenv("VBC_PASSWORD", "not the one")
			for _, elsewhere := range []bool{first, !first, first} {
				args := []string{"archive", "--older-than", "90d", "--to", w.to}
				if elsewhere {
					args = append(args, "--manifest", filepath.Join(t.TempDir(), "manifest"))
				}
				r := w.run(args...)
				w.want(r, 3, nil)
			}
			if n := w.account.Counts().Total; n != 1 {
				t.Errorf("%d requests, want the one that was refused", n)
			}
			w.setenv("VBC_PASSWORD", "correct horse")
			w.says(w.archive("--older-than", "90d"), "has locked the user")
			w.setenv("VBC_CLIENT_ID", "another")
			w.says(w.archive("--older-than", "90d"), "has locked the user")
			if n := w.account.Counts().Total; n != 2 {
				t.Errorf("%d requests, want that of the changed password too", n)
			}
			w.account.Unlock()
			w.setenv("VBC_CLIENT_ID", "client")
			if err := os.Remove(filepath.Join(w.state, "refused-logins.json")); err != nil {
				t.Fatal(err)
			}
			w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 2})
			w.mustHold(all...)
		})
	}
}

// Where the file can't be written, that is said, and the run ends as it would.
func TestRefusedPasswordThatCantBeRemembered(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	if err := os.MkdirAll(filepath.Join(w.state, "refused-logins.json", "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	w.setenv("VBC_PASSWORD", "not the one")
	r := w.archive("--older-than", "90d")
	w.want(r, 3, nil)
	w.says(r, "can't be recorded")
	w.setenv("VBC_PASSWORD", "correct horse")
	w.want(w.archive("--older-than", "90d"), 0, nil)
}

// Where VBC wants the application to be named by HTTP Basic, that is found out
// once.
func TestBasicIsFoundOutOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{BasicOnly: true}).inDir()
	all := w.someRecordings(2)
	for _, logins := range []int{2, 1, 1} {
		w.account.ResetCounts()
		w.want(w.archive("--older-than", "90d"), 0, nil)
		if n := w.account.Counts().ByKind[vbctest.Token]; n != logins {
			t.Errorf("%d token requests, want %d", n, logins)
		}
	}
	w.mustHold(all...)
	w.account.ResetCounts()
	if w.doctor(0); w.account.Counts().ByKind[vbctest.Token] != 1 {
		t.Error("doctor doesn't know")
	}
}

// A reseller's account: tokens from another host, by HTTP Basic, and an application
// for each API.
func TestResellersAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{BasicOnly: true, TokenPath: "/t/vbc.prod/oauth2/token", ProvisioningClientID: "second", ProvisioningClientSecret: "its secret", NoSelfLinks: true}).inDir()
	all := w.someRecordings(2)
	tokens := httptest.NewServer(w.account)
	defer tokens.Close()
	w.account.TokensOnlyAt(strings.TrimPrefix(tokens.URL, "http://"))
	w.setenv("VBC_TOKEN_URL", tokens.URL+"/t/vbc.prod/oauth2/token")
	w.setenv("VBC_PROVISIONING_CLIENT_ID", "second")
	w.setenv("VBC_PROVISIONING_CLIENT_SECRET", "its secret")
	r := w.archive("--older-than", "90d", "--delete")
	w.want(r, 0, map[string]int{"deleted": 2})
	w.mustHold(all...)
	if strings.Contains(r.stdout+r.stderr, "its secret") {
		t.Error("a secret is shown")
	}
	w.setenv("VBC_PROVISIONING_CLIENT_SECRET", "")
	if r := w.archive("--older-than", "90d"); r.code != 2 {
		t.Errorf("an id without a secret: exit %d", r.code)
	}
}

// Doctor finds where tokens and the API are, and says what to set.
func TestDoctorFindsTheAddress(t *testing.T) {
	t.Parallel()
	const elsewhere, plain = "/t/vbc.prod/oauth2/token", "/t/vbc.prod/call_recording/api"
	t.Run("tokens", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, vbctest.Config{TokenPath: elsewhere}).inDir()
		w.someRecordings(1)
		found := w.doctor(1)
		if f := found["credentials"]; f.Level != storage.Failure || !strings.HasSuffix(f.Mend, elsewhere) || !strings.HasPrefix(f.Mend, "set VBC_TOKEN_URL=http") {
			t.Errorf("%+v", f)
		}
		if f := found["call recording API"]; f.Level != storage.OK {
			t.Errorf("the rest isn't looked at: %+v", f)
		}
		r := w.archive("--older-than", "90d")
		w.want(r, 3, nil)
		w.says(r, "VBC_TOKEN_URL")
		w.setenv("VBC_TOKEN_URL", strings.TrimPrefix(found["credentials"].Mend, "set VBC_TOKEN_URL="))
		w.doctor(0)
		w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 1})
	})
	t.Run("tokens that can't be reached", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, vbctest.Config{}).inDir()
		closed := httptest.NewServer(nil)
		closed.Close()
		w.setenv("VBC_TOKEN_URL", closed.URL+"/token")
		if f := w.doctor(1)["credentials"]; !strings.Contains(f.Mend, "VBC_TOKEN_URL=http") || !strings.HasSuffix(f.Mend, "/token") {
			t.Errorf("%+v", f)
		}
	})
	t.Run("a refused user is tried once", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, vbctest.Config{TokenPath: elsewhere}).inDir()
		w.setenv("VBC_PASSWORD", "not the one")
		if f := w.doctor(1)["credentials"]; !strings.Contains(f.Mend, elsewhere) || !strings.Contains(f.Mend, "integration user") {
			t.Errorf("%+v", f)
		}
		w.account.ResetCounts()
		w.setenv("VBC_TOKEN_URL", w.url()+elsewhere)
		w.setenv("VBC_PASSWORD", "nor this one")
		w.doctor(1)
		if c := w.account.Counts(); c.Total != 1 {
			t.Errorf("%v; want one refused login", c.ByKind)
		}
	})
	t.Run("root", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, vbctest.Config{APIRoot: plain}).inDir()
		w.someRecordings(1)
		found := w.doctor(1)
		if f := found["call recording API"]; f.Level != storage.Failure || f.Mend != "set VBC_API_ROOT="+plain {
			t.Errorf("%+v", f)
		}
		w.setenv("VBC_API_ROOT", plain)
		w.doctor(0)
		w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 1})
	})
	t.Run("nothing anywhere", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, vbctest.Config{TokenPath: "/nowhere"}).inDir()
		if f := w.doctor(1)["credentials"]; !strings.Contains(f.Means, "There is no token address at ") {
			t.Errorf("%+v", f)
		}
	})
}

// What VBC says that no token cures ends the run at once, with what to do; of the
// Provisioning API it is a problem of what needs that.
func TestWhatNoTokenCures(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		denial vbctest.Denial
		says   string
	}{
		"data": {vbctest.MissingUserData, "account administrator"}, "claims": {vbctest.NoClaims, "VBC_USERNAME must be"},
		"right": {vbctest.NoSearchRight, "permission for Company Call Recording"}, "region": {vbctest.NoHMACToken, "VBC_API_ROOT"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, vbctest.Config{Denials: map[vbctest.RequestKind]vbctest.Denial{vbctest.List: c.denial}}).inDir()
			w.someRecordings(2)
			r := w.archive("--older-than", "90d")
			w.want(r, 3, nil)
			w.says(r, c.says)
			if n := w.account.Counts(); n.Total != 2 {
				t.Errorf("%v; want a login and one refused listing", n.ByKind)
			}
			if f := w.doctor(1)["call recording API"]; !strings.Contains(f.Mend, c.says) {
				t.Errorf("%+v", f)
			}
		})
	}
	w := newWorld(t, vbctest.Config{Denials: map[vbctest.RequestKind]vbctest.Denial{vbctest.Users: vbctest.MissingUserData}}).inDir()
	w.someRecordings(2)
	r := w.archive("--older-than", "90d", "--kind", "company,on-demand", "--users", "all")
	w.want(r, 1, map[string]int{"archived": 2})
	w.says(r, "missing user data")
	if n := w.account.Counts().ByKind[vbctest.Token]; n != 1 {
		t.Errorf("%d logins", n)
	}
}

// A refusal of what a run can do without ends none.
func TestExportsThatAreDenied(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{Denials: map[vbctest.RequestKind]vbctest.Denial{vbctest.ExportStart: vbctest.NoSearchRight}}).inDir()
	all := w.someRecordings(14)
	w.want(w.archive("--older-than", "90d", "--fetch", "export"), 0, map[string]int{"archived": 14})
	w.mustHold(all...)
}

// A new token that the gateway doesn't know yet is tried again after a pause.
func TestNewTokenGetsAPause(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{UnknownAtFirst: 1}).inDir()
	all := w.someRecordings(2)
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 2})
	w.mustHold(all...)
	if n := w.account.Counts().ByKind[vbctest.Token]; n != 1 {
		t.Errorf("%d logins", n)
	}
}

// Two machines whose logins end each other's tokens both finish.
func TestTwoMachinesShareAUser(t *testing.T) {
	t.Parallel()
	notShort(t, "it waits for a new token half a minute")
	w := newWorld(t, vbctest.Config{SingleToken: true, Latency: 5 * time.Millisecond}).inDir()
	all := w.someRecordings(40)
	other := (&world{t: t, account: w.account, state: t.TempDir(), env: append([]string{}, w.env...)}).inDir()
	other.setenv("VBCVAULT_STATE_DIR", other.state)
	var wg sync.WaitGroup
	for _, m := range []*world{w, other} {
		wg.Go(func() {
			m.want(m.archive("--older-than", "90d", "--workers", "2"), 0, map[string]int{"archived": 40})
			m.mustHold(all...)
		})
	}
	wg.Wait()
	if n := w.account.Counts().ByKind[vbctest.Token]; n > 14 {
		t.Errorf("%d logins", n)
	}
}

// Audio and exports that VBC redirects to another host come from there, without
// the token, and nobody gets to see the addresses.
func TestRedirectedDownloads(t *testing.T) {
	t.Parallel()
	for _, fetch := range []string{"direct", "export"} {
		t.Run(fetch, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, vbctest.Config{}).inDir()
			all := w.someRecordings(14)
			files := httptest.NewTLSServer(w.account.Storage())
			defer files.Close()
			w.account.RedirectDownloads(files.URL)
			cert := filepath.Join(t.TempDir(), "ca.pem")
			if err := os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: files.Certificate().Raw}), 0o600); err != nil {
				t.Fatal(err)
			}
			w.setenv("SSL_CERT_FILE", cert)
			w.nth(2, func(r *http.Request) bool { return r.TLS != nil }, once(vbctest.Fault{Status: 403, Body: "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"}))
			r := w.archive("--older-than", "90d", "--delete", "--fetch", fetch, "--log-level", "debug")
			w.want(r, 0, map[string]int{"deleted": 14})
			w.mustHold(all...)
			if c := w.account.Counts().ByKind; c["audio elsewhere"]+c["zip elsewhere"] == 0 {
				t.Errorf("%v", c)
			}
			if strings.Contains(r.stdout+r.stderr, w.account.Presigned()) || bytes.Contains(w.manifestFile(), []byte(w.account.Presigned())) {
				t.Error("a presigned address is shown")
			}
		})
	}
}

// url is the simulated API's address.
func (w *world) url() string {
	for _, kv := range w.env {
		if u, ok := strings.CutPrefix(kv, "VBC_API_URL="); ok {
			return u
		}
	}
	return ""
}
