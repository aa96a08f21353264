//go:build unix

package main_test

import (
	"bufio"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// kernel is what the program has asked the kernel for, as strace has it.
type kernel struct {
	fsyncs int

	// Bytes that were written from other memory than that into which they were read.
	// Such bytes have been copied at least once on the way. Where the body of an answer
	// is written just where it was read to, what counts is headers, metadata, and the
	// beginning of the body, which is read together with the answer's header.
	copied int
}

func isKernel(what string) bool { return what == "fsyncs" || what == "bytes copied, of 300 kB" }

// traced runs the program under strace. Only the system calls that are counted stop it,
// and no time is measured.
func traced(t *testing.T, way, n int) *kernel {
	t.Helper()
	strace := canTrace(t)
	w, _ := counting(t, way, n, large)
	file := filepath.Join(t.TempDir(), "calls")
	cmd := w.command(w.toCount(way)...)
	cmd.Args = append([]string{strace, "-f", "--seccomp-bpf", "-qq", "-o", file, "-e", "signal=none",
		"-e", "trace=connect,close,read,pread64,write,writev,sendfile,splice,copy_file_range,fsync,fdatasync,sync,syncfs,sync_file_range,msync",
		"-e", "raw=read,pread64,write", cmd.Path}, cmd.Args[1:]...)
	cmd.Path = strace
	w.want(w.finish(cmd), 0, nil)
	for _, v := range w.env {
		if address, ok := strings.CutPrefix(v, "VBC_API_URL="); ok {
			u, err := url.Parse(address)
			mustDo(t, err)
			return readCalls(t, file, u.Port())
		}
	}
	panic("no address of VBC's")
}

// canTrace is where strace is. Without it, or without the right to use it, nothing is
// counted here, and with CI=true that is a failure.
func canTrace(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("strace")
	if err == nil {
		err = exec.Command(path, "-f", "--seccomp-bpf", "-qq", "-o", os.DevNull, "true").Run()
	}
	switch {
	case err != nil && os.Getenv("CI") == "true":
		t.Fatalf("fsyncs and copies can't be counted, and CI=true: strace: %v", err)
	case err != nil:
		t.Skipf("fsyncs and copies can't be counted on this machine: strace: %v", err)
	}
	return path
}

var (
	call     = regexp.MustCompile(`^(\d+) +(\w+)\((0x[0-9a-f]+|\d+)(?:, (0x[0-9a-f]+))?.*\) += (0x[0-9a-f]+|-?\d+)`)
	port     = regexp.MustCompile(`sin6?_port=htons\((\d+)\)`)
	begun    = regexp.MustCompile(`^(\d+) +(.*) <unfinished \.\.\.>$`)
	resumed  = regexp.MustCompile(`^(\d+) +<\.\.\. \w+ resumed>(.*)$`)
	syncCall = regexp.MustCompile(`^\d+ +(fsync|fdatasync|sync|syncfs|sync_file_range|msync)\(`)
)

// readCalls reads what strace has written. The memory that was read into is forgotten with
// the next request to VBC: with one worker, that is the next recording's.
func readCalls(t *testing.T, file, vbc string) *kernel {
	t.Helper()
	f, err := os.Open(file)
	mustDo(t, err)
	defer f.Close()
	k := &kernel{}
	toVBC := map[string]bool{} // file descriptors
	waiting := map[string]string{}
	var filled memory
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := lines.Text()
		if m := begun.FindStringSubmatch(line); m != nil {
			waiting[m[1]] = line[:len(line)-len(" <unfinished ...>")]
			continue
		}
		if m := resumed.FindStringSubmatch(line); m != nil {
			line = waiting[m[1]] + m[2]
		}
		if syncCall.MatchString(line) {
			k.fsyncs++
			continue
		}
		m := call.FindStringSubmatch(line)
		if m == nil {
			continue // a process's end
		}
		fd, address, n := number(m[3]), number(m[4]), number(m[5])
		name := strconv.Itoa(fd)
		switch m[2] {
		case "connect":
			p := port.FindStringSubmatch(line)
			toVBC[name] = p != nil && p[1] == vbc
		case "close":
			delete(toVBC, name)
		case "read", "pread64":
			filled.add(address, n)
		case "write":
			if toVBC[name] {
				filled = nil
			} else {
				k.copied += n - filled.within(address, n)
			}
		}
	}
	return k
}

func number(s string) int {
	n, _ := strconv.ParseInt(s, 0, 64) // of what the pattern lets through
	return int(n)
}

// memory is ranges of it, which don't overlap.
type memory []span

type span struct{ from, to int }

// add adds a range; n < 0 says that nothing was read.
func (m *memory) add(from, n int) {
	to := from + n
	if n <= 0 {
		return
	}
	var rest memory
	for _, s := range *m {
		if s.from < from {
			rest = append(rest, span{s.from, min(s.to, from)})
		}
		if s.to > to {
			rest = append(rest, span{max(s.from, to), s.to})
		}
	}
	*m = append(rest, span{from, to})
}

// within is how many bytes of a range m has.
func (m memory) within(from, n int) (bytes int) {
	for _, s := range m {
		bytes += max(0, min(s.to, from+n)-max(s.from, from))
	}
	return bytes
}
