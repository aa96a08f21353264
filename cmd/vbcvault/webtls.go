package main

import (
	"crypto/tls"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"
)

// certificates are the page's certificate and key, as they lie in files that others
// renew. Its methods may be called concurrently.
type certificates struct {
	certificate, key string // paths
	log              *slog.Logger

	mu   sync.Mutex
	pair *tls.Certificate
	seen [2]fs.FileInfo // the files when they were read last, whether that went well or not
}

// load reads the files.
func (c *certificates) load() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen = c.look()
	return c.read()
}

func (c *certificates) read() error {
	pair, err := tls.LoadX509KeyPair(c.certificate, c.key)
	if err != nil {
		return fmt.Errorf("read %s and %s: %w", c.certificate, c.key, err)
	}
	c.pair = &pair
	return nil
}

// look is how the files are now; one that can't be looked at is nil.
func (c *certificates) look() (files [2]fs.FileInfo) {
	for i, path := range []string{c.certificate, c.key} {
		if info, err := os.Stat(path); err == nil {
			files[i] = info
		}
	}
	return files
}

// get is what a connection is encrypted with. Files that have changed since are read
// again first: whoever renews them needs tell nobody. While the new ones can't be used, as
// when one of the two isn't there yet, the earlier ones are.
func (c *certificates) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.look()
	if sameFile(now[0], c.seen[0]) && sameFile(now[1], c.seen[1]) {
		return c.pair, nil
	}
	c.seen = now
	if err := c.read(); err != nil {
		c.log.Error("the new certificate or key of the page can't be used; the earlier ones stay in use", "reason", err)
		return c.pair, nil
	}
	c.log.Info("the page has a new certificate", "until", c.pair.Leaf.NotAfter.UTC().Format(time.RFC3339))
	return c.pair, nil
}

// sameFile reports whether a file is unchanged.
func sameFile(a, b fs.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}
