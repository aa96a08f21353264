package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// A service that is told to stop while it starts ends as any other does: it hasn't begun
// anything, and nothing is wrong with its configuration.
func TestServeIsStoppedWhileItStarts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "vbcvault.yaml")
	text := fmt.Sprintf(`state-dir: %s
accounts:
  acme:
    to: %s
    older-than: 90d
    vbc: {username: u, client-id: c, client-secret: {env: A}, password: {env: B}}
service: {listen: 127.0.0.1:0}
`, filepath.Join(dir, "state"), "file://"+dir)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, log bytes.Buffer
	if code := run(ctx, []string{"serve", "--config", file}, streams{out: &out, err: &log}); code != 0 {
		t.Errorf("exit %d: %s", code, log.String())
	}
}
