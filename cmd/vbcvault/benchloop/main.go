// Command benchloop is what benchmarks compare vbcvault with: a loop that archives and
// deletes recordings, and does nothing else. It has no manifest, no receipts, no second
// look, and nothing that goes on after a crash. It takes its environment, and --to and
// --workers, as vbcvault archive does; without --tutorial it is the floor:
//
//   - the very requests that vbcvault makes, with the same metadata and audio;
//   - for each body one buffer that is used again, and one SHA-256;
//   - where the destination is a directory, the same durable steps, and the copy read back;
//   - connections and the collector as vbcvault has them.
//
// --tutorial is what the vendor's tutorials do: one recording after the other, ten on a
// page, whole files in memory, no HEAD, no checksum, the file name as key.
package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"time"

	"golang.org/x/sync/errgroup"
)

func main() {
	to := flag.String("to", "", "s3://BUCKET/PREFIX or file:///DIRECTORY")
	workers := flag.Int("workers", 16, "recordings at a time")
	tutorial := flag.Bool("tutorial", false, "do what the vendor's tutorials do")
	profile := flag.String("profile", "", "file for a CPU profile; that of allocations is allocs.loop beside it")
	flag.Parse()
	if err := profiled(*profile, func() error { return run(*to, *workers, *tutorial) }); err != nil {
		fmt.Fprintln(os.Stderr, "benchloop:", err)
		os.Exit(1)
	}
}

func run(to string, workers int, tutorial bool) error {
	pageSize, each := 1000, (*loop).archive
	if tutorial {
		pageSize, workers, each = 10, 1, (*loop).asInTutorial
	} else {
		debug.SetGCPercent(400) // as vbcvault does, see boundMemory
	}
	store, err := openStore(context.Background(), to, workers)
	if err != nil {
		return err
	}
	l, err := newLoop(store, workers)
	if err != nil {
		return err
	}
	recordings, err := l.list(pageSize)
	if err != nil {
		return err
	}
	todo := make(chan recording, len(recordings))
	for _, r := range recordings {
		todo <- r
	}
	close(todo)
	var g errgroup.Group
	for range workers {
		g.Go(func() error {
			var b buffers
			for r := range todo {
				if err := each(l, r, &b); err != nil {
					return fmt.Errorf("recording %d: %w", r.ID, err)
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// sidecarOf writes what vbcvault stores beside audio (layout.Sidecar).
func (b *buffers) sidecarOf(r recording, audio object) []byte {
	b.sidecar = fmt.Appendf(b.sidecar[:0], `{"format":1,"vbcvault":"devel","account":"549825","kind":"company","content_type":"audio/mpeg","size":%d,"sha256":"%x","archived_at":"%s","recording":`,
		len(audio.body), audio.sum, time.Now().UTC().Format("2006-01-02T15:04:05.000Z"))
	b.sidecar = append(append(b.sidecar, r.raw...), "}\n"...)
	return b.sidecar
}

// archive is the way of one recording.
func (l *loop) archive(r recording, b *buffers) error {
	body, err := l.do(http.MethodGet, r.DownloadURL, b.read)
	if err != nil {
		return err
	}
	audio := object{r.stem + ".mp3", body, sha256.Sum256(body), "audio/mpeg"}
	body = b.sidecarOf(r, audio)
	sidecar := object{r.stem + ".json", body, sha256.Sum256(body), "application/json"}
	for _, step := range []func() error{
		func() error { return l.store.put(l.ctx, sidecar) },
		func() error { return l.store.put(l.ctx, audio) },
		func() error { return l.store.check(l.ctx, audio) },
		func() error { return l.store.check(l.ctx, sidecar) },
		func() error { return l.remove(r) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (l *loop) asInTutorial(r recording, _ *buffers) error {
	body, err := l.do(http.MethodGet, r.DownloadURL, readAll)
	if err == nil {
		err = l.store.copyPlainly(l.ctx, r.FileName, body)
	}
	if err == nil {
		err = l.remove(r)
	}
	return err
}

// profiled is work with profiles, if there is a path for them.
func profiled(path string, work func() error) error {
	if path == "" {
		return work()
	}
	runtime.MemProfileRate = 64 << 10
	cpu, err := os.Create(path)
	if err == nil {
		err = pprof.StartCPUProfile(cpu)
	}
	if err != nil {
		return err
	}
	err = work()
	pprof.StopCPUProfile()
	allocs, e := os.Create(filepath.Join(filepath.Dir(path), "allocs.loop"))
	if e == nil {
		e = errors.Join(pprof.Lookup("allocs").WriteTo(allocs, 0), allocs.Close())
	}
	return errors.Join(err, cpu.Close(), e)
}
