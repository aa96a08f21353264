package main

import (
	"io/fs"
	"os"
	"sync"
)

// bindings remember which manifests are other accounts', so that many accounts in one
// process don't each read those of all others. What a manifest is bound to never
// changes, so this holds for as long as the file is the same one, and nobody has put
// another's content into it. Its methods may be called concurrently, and of nil, which
// remembers nothing.
type bindings struct {
	mu    sync.Mutex
	known map[string]bindingOf // by path
}

type bindingOf struct {
	info    fs.FileInfo // of the file before it was read
	account string
}

// elsewhere reports whether a manifest is known to be bound to another account.
func (b *bindings) elsewhere(path, account string) bool {
	if b == nil {
		return false
	}
	b.mu.Lock()
	is, ok := b.known[path]
	b.mu.Unlock()
	if !ok || is.account == account {
		return false
	}
	info, err := os.Stat(path)
	return err == nil && os.SameFile(info, is.info) && info.Size() == is.info.Size() && info.ModTime().Equal(is.info.ModTime())
}

// learn remembers what a manifest is bound to that was just read, and how its file was
// right before. One that is bound to nothing yet may be so at any moment.
func (b *bindings) learn(path string, looked fs.FileInfo, account string) {
	if b == nil || looked == nil || account == "" {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.known == nil {
		b.known = map[string]bindingOf{}
	}
	b.known[path] = bindingOf{looked, account}
}
