package main_test

import (
	"bytes"
	"compress/flate"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	vbcvault "github.com/vbcvault/vbcvault/cmd/vbcvault"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/dirstore"
	"github.com/vbcvault/vbcvault/storage/s3store"
	"github.com/vbcvault/vbcvault/storage/storagetest"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// world is an account, a destination, and an environment to run vbcvault in.
type world struct {
	t       testing.TB
	account *vbctest.Account
	to      string // --to
	program string // "" = the test binary by its other name
	env     []string
	state   string
	open    func() storage.Destination // the destination, for looking
	proxy   *storagetest.S3Proxy       // before the S3 server; nil with a directory
	direct  string                     // the S3 server's own address

	database string // the address of one, for the manual's page about it

	running sync.Mutex // guards the process of a command that is being started
}

func newWorld(t testing.TB, cfg vbctest.Config) *world {
	t.Helper()
	a := vbctest.New(cfg)
	api := httptest.NewServer(a)
	t.Cleanup(func() {
		api.CloseClientConnections()
		api.Close()
	})
	state := t.TempDir()
	w := &world{t: t, account: a, state: state, env: []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "TZ=UTC", "VBCVAULT_STATE_DIR=" + state,
		vbcvault.Hurry + "=1",
		"GORACE=atexit_sleep_ms=10", // a program built -race waits a second at its end, hundreds of times
		"VBC_API_URL=" + api.URL, "VBC_USERNAME=admin", "VBC_PASSWORD=correct horse", "VBC_CLIENT_ID=client", "VBC_CLIENT_SECRET=secret",
	}}
	if _, measured := t.(*testing.B); measured {
		w.built()
	}
	return w
}

// inS3 makes a bucket of the real S3 server the destination.
func (w *world) inS3(hook func(op, key string, r *http.Request) *storagetest.S3Fault) *world {
	w.t.Helper()
	return w.inBucket(hook)
}

// inBucket is inS3 with a bucket of one's own making.
func (w *world) inBucket(hook func(op, key string, r *http.Request) *storagetest.S3Fault, change ...func(*s3.CreateBucketInput)) *world {
	w.t.Helper()
	server := storagetest.StartS3(w.t)
	bucket := server.NewBucket(w.t, change...)
	w.proxy = server.Proxy(w.t, hook)
	w.env = append(w.env, server.EnvFor(w.proxy.URL)...)
	w.to, w.direct = "s3://"+bucket+"/calls", server.URL
	w.open = func() storage.Destination {
		s, err := s3store.Open(w.t.Context(), s3store.Options{Bucket: bucket, Prefix: "calls", AWS: server.Config(server.URL)})
		if err != nil {
			w.t.Fatal(err)
		}
		return s
	}
	return w
}

// inDir makes a new directory the destination.
func (w *world) inDir() *world {
	w.t.Helper()
	w.inDirectory(w.t.TempDir())
	return w
}

// inDirectory makes this directory the destination.
func (w *world) inDirectory(dir string) {
	w.to = "file://" + dir
	w.open = func() storage.Destination {
		s, err := dirstore.Open(dir)
		if err != nil {
			w.t.Fatal(err)
		}
		w.t.Cleanup(func() { s.Close() })
		return s
	}
}

// nth has f answer the nth request that is a match, and only that.
func (w *world) nth(n int, match func(*http.Request) bool, f func() *vbctest.Fault) {
	var seen atomic.Int64
	w.account.Inject(func(r *http.Request) *vbctest.Fault {
		if match(r) && seen.Add(1) == int64(n) {
			return f()
		}
		return nil
	})
}

// result is what one run of vbcvault came to.
type result struct {
	code           int
	stdout, stderr string
	summary        map[string]any // the last line of stdout, with --json
}

func (w *world) command(args ...string) *exec.Cmd {
	w.t.Helper()
	name := w.program
	if name == "" {
		name = program(w.t)
	}
	cmd := exec.Command(name, args...)
	cmd.Env = w.env
	return cmd
}

// run runs vbcvault to its end.
func (w *world) run(args ...string) result {
	w.t.Helper()
	return w.finish(w.command(args...))
}

func (w *world) finish(cmd *exec.Cmd) result {
	w.t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	w.running.Lock()
	err := cmd.Start()
	w.running.Unlock()
	if err != nil {
		w.t.Fatal(err)
	}
	_ = cmd.Wait() // the exit code tells
	r := result{code: cmd.ProcessState.ExitCode(), stdout: out.String(), stderr: errs.String()}
	if _, benchmark := w.t.(*testing.B); !benchmark {
		w.t.Logf("%s\nexit %d\n%s%s", strings.Join(cmd.Args[1:], " "), r.code, r.stdout, r.stderr)
	}
	lines := strings.Split(strings.TrimSpace(r.stdout), "\n")
	if last := lines[len(lines)-1]; strings.HasPrefix(last, "{") {
		if err := json.Unmarshal([]byte(last), &r.summary); err != nil {
			w.t.Errorf("the last line is no JSON: %v: %s", err, last)
		}
	}
	return r
}

// process is a command's process, once it has been started.
func (w *world) process(cmd *exec.Cmd) *os.Process {
	w.running.Lock()
	defer w.running.Unlock()
	return cmd.Process
}

// archive runs vbcvault archive with --json.
func (w *world) archive(args ...string) result {
	w.t.Helper()
	return w.run(append([]string{"archive", "--to", w.to, "--json"}, args...)...)
}

// want fails unless the run ended with the code and the summary has the values.
func (w *world) want(r result, code int, values map[string]int) {
	w.t.Helper()
	if r.code != code {
		w.t.Errorf("exit code %d, want %d", r.code, code)
	}
	for k, v := range values {
		if got, ok := r.summary[k].(float64); !ok || int(got) != v {
			w.t.Errorf("summary: %s is %v, want %d", k, r.summary[k], v)
		}
	}
}

// mustHold fails unless the destination holds each recording's audio, whole,
// under the key that it must have, and its sidecar.
func (w *world) mustHold(recordings ...vbctest.Recording) {
	w.t.Helper()
	store := w.open()
	for _, r := range recordings {
		o := storage.Object{Key: key(r, "mp3")}
		has, err := store.Stat(w.t.Context(), o)
		if err != nil || has.SHA256 != storage.Digest(r.SHA256()) || has.Size != r.Size {
			w.t.Errorf("%s: %d bytes, %v; want the recording's %d", o.Key, has.Size, err, r.Size)
		}
		if _, err := store.Stat(w.t.Context(), storage.Object{Key: key(r, "json")}); err != nil {
			w.t.Errorf("its sidecar: %v", err)
		}
	}
}

// key is where a recording of the default account lies, as the documentation says.
func key(r vbctest.Recording, ending string) string {
	owner := ""
	if r.Kind == vbctest.OnDemand {
		owner = fmt.Sprintf("user=%d/", r.User)
	}
	return fmt.Sprintf("account=549825/kind=%s/%s%s/%s_%d.%s", r.Kind, owner, r.Start.Format("year=2006/month=01/day=02"), r.Start.Format("20060102T150405Z"), r.ID, ending)
}

// keys lists the recordings' objects in the destination.
func (w *world) keys() []string {
	w.t.Helper()
	return slices.DeleteFunc(storagetest.Keys(w.t, w.open()), isReceipts)
}

// receipts lists the objects with receipts, without the files that say who has signed.
func (w *world) receipts() []string {
	w.t.Helper()
	return slices.DeleteFunc(storagetest.Keys(w.t, w.open()), func(key string) bool { return !isReceipts(key) || strings.HasSuffix(key, "/key.txt") })
}

// read reads an object of the destination.
func (w *world) read(key string) []byte {
	w.t.Helper()
	r, err := w.open().Open(w.t.Context(), storage.Object{Key: key})
	if err != nil {
		w.t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

// file is where an object lies on this machine's disk.
func (w *world) file(key string) string {
	if dir, ok := strings.CutPrefix(w.to, "file://"); ok {
		return filepath.Join(dir, filepath.FromSlash(key))
	}
	return storagetest.StartS3(w.t).Path(strings.Split(w.to, "/")[2], "calls/"+key)
}

// remove removes an object behind the back of whoever keeps it.
func (w *world) remove(key string) {
	w.t.Helper()
	if err := os.Remove(w.file(key)); err != nil {
		w.t.Fatal(err)
	}
}

// flip changes a byte of an object behind the back of whoever keeps it.
func (w *world) flip(key string) {
	w.t.Helper()
	storagetest.FlipByte(w.t, w.file(key))
}

func isReceipts(key string) bool { return strings.HasPrefix(key, "receipts/account=549825/chain=") }

// nothingLost fails unless every recording is at VBC or whole in the
// destination. It is the one thing that must hold after anything.
func (w *world) nothingLost(all []vbctest.Recording) {
	w.t.Helper()
	w.mustHold(slices.DeleteFunc(slices.Clone(all), func(r vbctest.Recording) bool { return w.account.Has(r.Kind, r.User, r.ID) })...)
}

// someRecordings adds n recordings that are a year old and some minutes apart.
func (w *world) someRecordings(n int) []vbctest.Recording {
	return w.account.Generate(n, time.Now().UTC().Truncate(time.Second).AddDate(-1, 0, 0), 7*time.Minute)
}

func isDelete(r *http.Request) bool { return r.Method == http.MethodDelete }
func isAudio(r *http.Request) bool  { return strings.Contains(r.URL.Path, "/audio/") }
func isList(r *http.Request) bool   { return strings.HasSuffix(r.URL.Path, "call_recordings") }

// deflated is so many zeros, packed small.
func deflated(n int) []byte {
	var b bytes.Buffer
	z, err := flate.NewWriter(&b, flate.BestCompression)
	if err == nil {
		_, err = io.CopyN(z, zeros{}, int64(n))
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		panic(err) // writes memory
	}
	return b.Bytes()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// says fails unless the messages of a run contain all the words.
func (w *world) says(r result, words ...string) {
	w.t.Helper()
	for _, s := range words {
		if !strings.Contains(r.stderr, s) {
			w.t.Errorf("it doesn't say %q", s)
		}
	}
}
