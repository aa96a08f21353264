package main

import (
	"context"
	"encoding/json"
	"os"
	"runtime"
	"sync"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// Count is the environment variable that has Main write into a file what it has
// done that is the same on every machine: a Counted, in JSON.
const Count = "VBCVAULT_TEST_COUNT"

// Counted is what one process has done from its start to its end.
type Counted struct {
	Allocations    uint64 // objects on Go's heap
	AllocatedBytes uint64

	// Of all connections to SQLite:
	Statements   map[string]int // by their text, each time that one was carried out
	Triggers     int            // carried out within them
	Instructions int            // of SQLite's virtual machine, those of triggers included
	Changes      int            // rows inserted, updated or deleted, by triggers too
}

// counting is main that counts.
func counting(file string) {
	t := &tracer{statements: map[string]*int{}, changes: map[uintptr]int{}}
	t.install()
	code := run(context.Background(), os.Args[1:], streams{out: os.Stdout, err: os.Stderr})
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	c := t.counted()
	c.Allocations, c.AllocatedBytes = m.Mallocs, m.TotalAlloc
	b, err := json.Marshal(c)
	if err == nil {
		err = os.WriteFile(file, b, 0o600)
	}
	if err != nil {
		panic(err)
	}
	os.Exit(code)
}

// tracer is told of every statement by SQLite itself, so none gets past it, whoever
// sends it and whether it is prepared anew or was before. It allocates only for a text
// that is new to it: it would count itself.
type tracer struct {
	mu           sync.Mutex
	statements   map[string]*int
	triggers     int
	instructions int
	changes      map[uintptr]int // of each connection, since it was opened
}

// install has SQLite call t from each connection that is opened from now on.
func (t *tracer) install() {
	tls := libc.NewTLS()
	defer tls.Close()
	trace := function(t.trace)
	sqlite3.Xsqlite3_auto_extension(tls, function(func(tls *libc.TLS, db, _, _ uintptr) int32 {
		return sqlite3.Xsqlite3_trace_v2(tls, db, sqlite3.SQLITE_TRACE_STMT|sqlite3.SQLITE_TRACE_PROFILE, trace, 0)
	}))
}

// function is a function as SQLite, translated from C, calls it. It is never collected.
func function[F any](f F) uintptr {
	kept := new(F)
	*kept = f
	functions = append(functions, kept)
	return *(*uintptr)(unsafe.Pointer(kept))
}

var functions []any

// trace is called when a statement or a trigger begins, with its text, and when a statement
// ends (https://www.sqlite.org/c3ref/c_trace.html). A trigger's text is a comment.
func (t *tracer) trace(tls *libc.TLS, event uint32, _, stmt, x uintptr) int32 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if event == sqlite3.SQLITE_TRACE_PROFILE {
		t.instructions += int(sqlite3.Xsqlite3_stmt_status(tls, stmt, sqlite3.SQLITE_STMTSTATUS_VM_STEP, 1))
		db := sqlite3.Xsqlite3_db_handle(tls, stmt)
		t.changes[db] = int(sqlite3.Xsqlite3_total_changes64(tls, db))
		return 0
	}
	text := unsafe.Slice(*(**byte)(unsafe.Pointer(&x)), libc.Xstrlen(tls, x))
	if len(text) > 1 && text[0] == '-' && text[1] == '-' {
		t.triggers++
		return 0
	}
	n := t.statements[string(text)]
	if n == nil {
		n = new(int)
		t.statements[string(text)] = n
	}
	*n++
	return 0
}

func (t *tracer) counted() Counted {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := Counted{Statements: map[string]int{}, Triggers: t.triggers, Instructions: t.instructions}
	for text, n := range t.statements {
		c.Statements[text] = *n
	}
	for _, n := range t.changes {
		c.Changes += n
	}
	return c
}
