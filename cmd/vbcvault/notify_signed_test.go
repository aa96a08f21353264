package main_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"
)

// What the program sends to a hook with a secret is signed, so that whoever has the
// secret sees that it is whole, and of now. (Standard Webhooks, verified by hand.)
func TestRunsAreToldWithASignature(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 1, inDir, nil).write()
	key := []byte("0123456789abcdef0123456789abcdef")
	verified := 0
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		id, at := r.Header.Get("Webhook-Id"), r.Header.Get("Webhook-Timestamp")
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(id + "." + at + "." + string(b)))
		want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
		sent, err := strconv.ParseInt(at, 10, 64)
		if got := r.Header.Get("Webhook-Signature"); got != want || id == "" || err != nil || time.Since(time.Unix(sent, 0)).Abs() > 5*time.Minute {
			t.Errorf("signature %q of %q at %q, want %q", got, id, at, want)
		}
		verified++
	}))
	t.Cleanup(hook.Close)
	f.setenv("HOOK", hook.URL)
	f.setenv("KEY", "whsec_"+base64.StdEncoding.EncodeToString(key))
	f.tells("signed: {on: [always], webhook: {url: {env: HOOK}, secret: {env: KEY}}}")
	f.want(f.run("archive", "--config", f.file, "--all"), 0, nil)
	hook.Close() // waits until all is answered
	if verified != 1 {
		t.Errorf("%d messages", verified)
	}
}
