package storagetest

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Dialects are the names of the other servers that StartDialect can start.
var Dialects = []string{"minio", "rclone", "seaweedfs"}

var (
	dialectsMu sync.Mutex
	dialects   = map[string]*S3Server{}
)

// StartDialect starts another S3 server on loopback, once per test process. It is
// built before from the Go module proxy, in a module of its own, which takes some
// minutes the first time. It ends with the process.
func StartDialect(t testing.TB, name string) *S3Server {
	t.Helper()
	dialectsMu.Lock()
	defer dialectsMu.Unlock()
	if s := dialects[name]; s != nil {
		return s
	}
	s, err := startDialect(name)
	if err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	dialects[name] = s
	return s
}

func startDialect(name string) (*S3Server, error) {
	tool := name
	if name == "seaweedfs" {
		tool = "weed"
	}
	fmt.Fprintln(os.Stderr, "storagetest: building", name+"; some minutes the first time")
	binary, err := build(name, tool)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "vbcvault-"+name+"-")
	if err != nil {
		return nil, err
	}
	s := &S3Server{AccessKey: "testaccess", SecretKey: "testsecret" + rand.Text(), dir: dir}
	data := filepath.Join(dir, "data")
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, err
	}
	addr, err := freeAddress()
	if err != nil {
		return nil, err
	}
	switch name {
	case "minio":
		return s, s.start(addr, "/minio/health/live", []string{"MINIO_ROOT_USER=" + s.AccessKey, "MINIO_ROOT_PASSWORD=" + s.SecretKey, "MINIO_UPDATE=off"},
			binary, "server", "--quiet", "--address", addr, "--console-address", "127.0.0.1:0", data)
	case "rclone":
		return s, s.start(addr, "/", []string{"RCLONE_CONFIG=" + filepath.Join(dir, "rclone.conf")},
			binary, "serve", "s3", "--addr", addr, "--auth-key", s.AccessKey+","+s.SecretKey, data)
	case "seaweedfs":
		return s, s.startSeaweed(binary, data)
	}
	return nil, fmt.Errorf("no server is called %s", name)
}

// startSeaweed starts a whole cluster in one process. Each of its parts has a port,
// and another one 10,000 above.
func (s *S3Server) startSeaweed(binary, data string) error {
	config := filepath.Join(s.dir, "s3.json")
	b, err := json.Marshal(map[string]any{"identities": []any{map[string]any{
		"name": "test", "credentials": []any{map[string]string{"accessKey": s.AccessKey, "secretKey": s.SecretKey}},
		"actions": []string{"Admin", "Read", "List", "Tagging", "Write"},
	}}})
	if err == nil {
		err = os.WriteFile(config, b, 0o600)
	}
	if err != nil {
		return err
	}
	ports, err := freePorts(4)
	if err != nil {
		return err
	}
	return s.start("127.0.0.1:"+ports[0], "/", nil, binary, "server", "-dir="+data, "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3", "-s3.port="+ports[0], "-s3.config="+config,
		"-s3.port.iceberg=0", "-s3.port.lance=0", "-master.port="+ports[1], "-volume.port="+ports[2], "-filer.port="+ports[3], "-volume.max=1000", "-master.volumeSizeLimitMB=64")
}

// freePorts finds ports of loopback of which that 10,000 above is free too.
func freePorts(n int) (ports []string, err error) {
	for port := 20000 + os.Getpid()%20000; len(ports) < n && port < 55000; port++ {
		a, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err != nil {
			continue
		}
		b, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port+10000))
		a.Close()
		if err != nil {
			continue
		}
		b.Close()
		ports = append(ports, strconv.Itoa(port))
	}
	if len(ports) < n {
		return nil, fmt.Errorf("no %d ports are free: %s", n, strings.Join(ports, " "))
	}
	return ports, nil
}
