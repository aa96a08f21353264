// Package storagetest has what tests of stores, and of what uses them, need:
// the conformance suite (Run), a real S3 server (StartS3), and a proxy before
// it that makes things go wrong (S3Server.Proxy).
package storagetest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// S3Server is a real S3 server (versitygw) on loopback, whose buckets are
// directories.
type S3Server struct {
	URL       string // http://127.0.0.1:port
	AccessKey string
	SecretKey string
	dir       string
	leash     io.Closer // while it is open, the server lives
}

const region = "us-east-1"

var (
	startOnce sync.Once
	started   *S3Server
	startErr  error
)

// StartS3 starts the server, once per test process, and builds it before, once
// per machine, from a Go module of its own. It ends with the process.
func StartS3(t testing.TB) *S3Server {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("versitygw doesn't run on Windows")
	}
	if testing.Short() && os.Getenv("VBCVAULT_TESTS") == "quick" {
		t.Skip("make quick starts no S3 server: it tries directories")
	}
	startOnce.Do(func() { started, startErr = startS3() })
	if startErr != nil {
		t.Fatalf("start the S3 server: %v", startErr)
	}
	return started
}

func startS3() (*S3Server, error) {
	binary, err := buildS3()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "vbcvault-s3-")
	if err != nil {
		return nil, err
	}
	s := &S3Server{AccessKey: "testaccess", SecretKey: "testsecret" + rand.Text(), dir: dir}
	// Another process may take the port between our looking and the server's.
	for range 3 {
		if err = s.launch(binary); err == nil {
			return s, nil
		}
	}
	return nil, err
}

// buildS3 returns the path of the server's binary in Go's build cache.
func buildS3() (string, error) {
	fmt.Fprintln(os.Stderr, "storagetest: building the S3 server; about 90 seconds the first time")
	return build("versitygw", "versitygw")
}

// build builds a tool of the module in a directory beside this file. Where that is,
// Go says: a binary that was built with -trimpath doesn't know.
func build(dir, tool string) (string, error) {
	here, err := goSays("list", "-f", "{{.Dir}}", reflect.TypeFor[S3Server]().PkgPath())
	if err != nil {
		return "", fmt.Errorf("build %s: %w", tool, err)
	}
	binary, err := goSays("tool", "-modfile="+filepath.Join(here, dir, "go.mod"), "-n", tool)
	if err != nil {
		return "", fmt.Errorf("build %s: %w", tool, err)
	}
	return binary, nil
}

// goSays is what a command of Go's prints.
func goSays(args ...string) (string, error) {
	out, err := exec.Command("go", args...).Output()
	if ee, ok := errors.AsType[*exec.ExitError](err); ok {
		err = fmt.Errorf("%w: %s", err, ee.Stderr)
	}
	return strings.TrimSpace(string(out)), err
}

// launch starts the server on a free port and waits until it answers. A shell
// stands between: when our end of its standard input closes, however this
// process ends, it kills the server and removes its files.
func (s *S3Server) launch(binary string) error {
	addr, err := freeAddress()
	if err != nil {
		return err
	}
	data, versions := filepath.Join(s.dir, "data"), filepath.Join(s.dir, "versions")
	if err := errors.Join(os.MkdirAll(data, 0o700), os.MkdirAll(versions, 0o700)); err != nil {
		return err
	}
	return s.start(addr, "/health", nil, binary, "--access", s.AccessKey, "--secret", s.SecretKey, "--port", addr, "--health", "/health", "--keep-alive", "--quiet",
		"posix", "--versioning-dir", versions, data)
}

// freeAddress is one of loopback that nobody listens at for now.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// start starts a server that will answer at addr, with more in its environment.
func (s *S3Server) start(addr, health string, env []string, command ...string) error {
	cmd := exec.Command("sh", append([]string{"-c", `dir=$1; shift; "$@" >"$dir/log" 2>&1 & pid=$!; cat >/dev/null; kill -9 $pid; rm -rf "$dir"`, "sh", s.dir}, command...)...)
	cmd.Env = append(os.Environ(), env...)
	stdin, err := cmd.StdinPipe() // held open by this process
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	s.URL, s.leash = "http://"+addr, stdin
	if err := waitFor(s.URL + health); err != nil {
		log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
		stdin.Close()
		return errors.Join(err, cmd.Wait(), fmt.Errorf("its log: %s", log))
	}
	return nil
}

// waitFor asks until there is an answer: a good one, or, at the root, any that is
// the server's own.
func waitFor(url string) error {
	deadline := time.NewTimer(time.Minute) // on a machine that is busy with something else
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		resp, err := http.Get(url)
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK || strings.HasSuffix(url, "/") && resp.StatusCode < 500 {
				return nil
			}
			err = fmt.Errorf("%s answers %s", url, resp.Status)
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			return err
		}
	}
}

// EnvFor is the environment in which a program finds the server, or a proxy before it.
func (s *S3Server) EnvFor(url string) []string {
	return []string{
		"AWS_ACCESS_KEY_ID=" + s.AccessKey, "AWS_SECRET_ACCESS_KEY=" + s.SecretKey, "AWS_REGION=" + region,
		"AWS_ENDPOINT_URL_S3=" + url, "AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=" + os.DevNull, "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull,
	}
}

// Setenv makes the server the one that this process finds, for one test.
func (s *S3Server) Setenv(t testing.TB, url string) {
	for _, kv := range s.EnvFor(url) {
		k, v, _ := strings.Cut(kv, "=")
		t.Setenv(k, v)
	}
}

// Config is the same for s3store.Options.AWS, with retries that don't wait long.
func (s *S3Server) Config(url string) *aws.Config {
	return &aws.Config{
		BaseEndpoint: aws.String(url), Region: region,
		Credentials: credentials.NewStaticCredentialsProvider(s.AccessKey, s.SecretKey, ""),
		Retryer: func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = 4, 5*time.Millisecond })
		},
	}
}

// Client talks to the server without a proxy.
func (s *S3Server) Client() *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: aws.String(s.URL), UsePathStyle: true, Region: region,
		Credentials: credentials.NewStaticCredentialsProvider(s.AccessKey, s.SecretKey, ""),
	})
}

// NewBucket makes an empty bucket, which ends with the test, whatever it holds.
// change may ask for more than the default, such as Object Lock.
func (s *S3Server) NewBucket(t testing.TB, change ...func(*s3.CreateBucketInput)) string {
	t.Helper()
	name := "test-" + strings.ToLower(rand.Text()[:16])
	in := &s3.CreateBucketInput{Bucket: &name}
	for _, c := range change {
		c(in)
	}
	if _, err := s.Client().CreateBucket(context.Background(), in); err != nil {
		t.Fatalf("make a bucket: %v", err)
	}
	t.Cleanup(func() {
		for _, part := range []string{"data", "versions"} {
			_ = os.RemoveAll(filepath.Join(s.dir, part, name)) // it ends with the process at the latest
		}
	})
	return name
}

// BeginUpload leaves an upload in parts unfinished, as a crash does.
func (s *S3Server) BeginUpload(t testing.TB, bucket, key string) {
	t.Helper()
	if _, err := s.Client().CreateMultipartUpload(context.Background(), &s3.CreateMultipartUploadInput{Bucket: &bucket, Key: &key}); err != nil {
		t.Fatalf("begin an upload of %s: %v", key, err)
	}
}

// Path is the file in which the server keeps an object, so that tests can
// damage it behind the server's back.
func (s *S3Server) Path(bucket, key string) string {
	return filepath.Join(s.dir, "data", bucket, filepath.FromSlash(key))
}

// Keys lists a bucket.
func (s *S3Server) Keys(t testing.TB, bucket string) []string {
	t.Helper()
	var keys []string
	pages := s3.NewListObjectsV2Paginator(s.Client(), &s3.ListObjectsV2Input{Bucket: &bucket})
	for pages.HasMorePages() {
		out, err := pages.NextPage(context.Background())
		if err != nil {
			t.Fatalf("list bucket %s: %v", bucket, err)
		}
		for _, o := range out.Contents {
			keys = append(keys, aws.ToString(o.Key))
		}
	}
	return keys
}

// Read reads an object.
func (s *S3Server) Read(t testing.TB, bucket, key string) []byte {
	t.Helper()
	out, err := s.Client().GetObject(context.Background(), &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		t.Fatalf("read %s: %v", key, err)
	}
	defer out.Body.Close()
	b, err := io.ReadAll(out.Body)
	if err != nil {
		t.Fatalf("read %s: %v", key, err)
	}
	return b
}
