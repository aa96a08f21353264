//go:build unix

package charttest

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// node is a machine on which the pods of a release run: its volumes are directories,
// with owners and modes as the kubelet gives them.
type node struct {
	dir   string
	ports map[string]string // of a container, as in :9180, and where it is on this machine
}

func newNode(t *testing.T) *node {
	t.Helper()
	n := &node{dir: t.TempDir(), ports: map[string]string{}}
	if err := os.Chmod(filepath.Dir(n.dir), 0o755); err != nil { // the pod's user gets there
		t.Fatal(err)
	}
	for _, port := range []string{":9180", ":8180"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		n.ports[port] = l.Addr().String()
		defer l.Close() // all are taken before any is given back
	}
	return n
}

// container is a program that is ready to be started as a pod says.
type container struct {
	cmd    *exec.Cmd
	stderr *lines
	stdout bytes.Buffer
}

// container prepares the only container of a pod.
func (n *node) container(t *testing.T, o *objects, pod corev1.PodSpec) *container {
	t.Helper()
	if len(pod.Containers) != 1 || len(pod.InitContainers) > 0 {
		t.Fatal("the pod has not exactly one container")
	}
	c := pod.Containers[0]
	var pairs []string
	for port, at := range n.ports {
		pairs = append(pairs, `listen: `+port, `listen: `+at, `listen: "`+port+`"`, `listen: "`+at+`"`)
	}
	// The longest first: one may be within another.
	mounts := slices.SortedFunc(slices.Values(c.VolumeMounts), func(a, b corev1.VolumeMount) int {
		return cmp.Compare(len(b.MountPath), len(a.MountPath))
	})
	for _, m := range mounts {
		pairs = append(pairs, m.MountPath, filepath.Join(n.dir, m.Name, m.SubPath))
	}
	here := strings.NewReplacer(pairs...)
	for _, v := range pod.Volumes {
		n.volume(t, o, v, here)
	}
	out := &container{stderr: newLines()}
	args := make([]string, len(c.Args))
	for i, a := range c.Args {
		args[i] = here.Replace(a)
	}
	path := program(t)
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(stop)
	out.cmd = exec.CommandContext(ctx, path, args...)
	out.cmd.Dir = "/"
	tmp := filepath.Join(n.dir, "tmp")
	out.cmd.Env = []string{"TMPDIR=" + tmp, "AWS_REGION=eu-central-1", "AWS_EC2_METADATA_DISABLED=true"}
	for _, e := range c.Env {
		value := here.Replace(e.Value)
		if e.ValueFrom != nil {
			value = "https://hook.example.com/" + e.Name
		}
		out.cmd.Env = append(out.cmd.Env, e.Name+"="+value)
	}
	out.cmd.Stdout, out.cmd.Stderr = &out.stdout, out.stderr
	if os.Geteuid() == 0 {
		s := pod.SecurityContext
		out.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{
			Uid: uint32(*s.RunAsUser), Gid: uint32(*s.RunAsGroup), Groups: []uint32{uint32(*s.FSGroup)},
		}}
	}
	return out
}

// volume makes a volume as the kubelet does: it is root's, and its group is fsGroup.
func (n *node) volume(t *testing.T, o *objects, v corev1.Volume, here *strings.Replacer) {
	t.Helper()
	dir := filepath.Join(n.dir, v.Name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	files, mode := map[string]string{}, int32(0)
	switch {
	case v.ConfigMap != nil:
		i := slices.IndexFunc(o.configs, func(c corev1.ConfigMap) bool { return c.Name == v.ConfigMap.Name })
		if i < 0 {
			t.Fatalf("there is no ConfigMap %s", v.ConfigMap.Name)
		}
		mode = *v.ConfigMap.DefaultMode
		for name, text := range o.configs[i].Data {
			files[name] = here.Replace(text)
		}
	case v.Projected != nil:
		mode = *v.Projected.DefaultMode
		for _, name := range secretFiles(o) {
			files[name] = "secret of " + name
			if strings.HasSuffix(name, "receipts-key") {
				files[name] = signingKey
			}
		}
		if _, ok := files["hook"]; ok {
			files["hook"] = "https://hook.example.com/T1"
		}
		if _, ok := files["tls.key"]; ok {
			files["tls.crt"], files["tls.key"] = certificate(t)
		}
	case v.Secret != nil:
		mode = *v.Secret.DefaultMode
		files["url"], files["password"] = "postgres://vbcvault_machine@db.example.com/vbcvault", "secret of the database"
	default: // a PersistentVolumeClaim or an emptyDir: the group may write
		own(t, dir, 0o2775)
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		_ = os.Remove(path) // of an earlier pod
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		own(t, path, mode)
	}
}

// own gives something to root and to the group of the pod.
func own(t *testing.T, path string, mode int32) {
	t.Helper()
	if os.Geteuid() == 0 {
		if err := os.Chown(path, 0, 65532); err != nil {
			t.Fatal(err)
		}
	}
	is := os.FileMode(mode & 0o777)
	if mode&0o2000 != 0 {
		is |= os.ModeSetgid
	}
	if err := os.Chmod(path, is); err != nil {
		t.Fatal(err)
	}
}

// signingKey is one that signs nothing but here.
const signingKey = "PRIVATE+KEY+vbcvault/v27r7a5b3zft+14857a8a+ASL8uG+O7AYTaqYpG9NOTsvf/2hG6SnmC0JMdbOgn1km"

// secretFile is a reference to a secret of the chart's.
var secretFile = regexp.MustCompile(`(?:/etc/vbcvault/secrets/|\bcredential: )([A-Za-z0-9._-]+)`)

// secretFiles are the names of the secrets to which the configuration refers.
func secretFiles(o *objects) (names []string) {
	for _, c := range o.configs {
		for _, m := range secretFile.FindAllStringSubmatch(c.Data["config.yaml"], -1) {
			names = append(names, m[1])
		}
	}
	return names
}

// certificate is a certificate of the page, and its key, as PEM.
func certificate(t *testing.T) (chain, key string) {
	t.Helper()
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"calls.example.com"}, NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &secret.PublicKey, secret)
	if err != nil {
		t.Fatal(err)
	}
	pkcs, err := x509.MarshalPKCS8PrivateKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs}))
}

// run runs a container to its end and returns its exit code.
func (c *container) run(t *testing.T) int {
	t.Helper()
	if err := c.cmd.Run(); err != nil && c.cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return c.cmd.ProcessState.ExitCode()
}

func (c *container) String() string {
	return fmt.Sprintf("vbcvault %s\nstdout: %s\nstderr: %s", strings.Join(c.cmd.Args[1:], " "), &c.stdout, c.stderr)
}

// lines are what a program writes; somebody may wait for some of it.
type lines struct {
	writes chan []byte
	all    bytes.Buffer
}

func newLines() *lines { return &lines{writes: make(chan []byte, 1000)} }

func (l *lines) Write(b []byte) (int, error) {
	l.writes <- bytes.Clone(b)
	return len(b), nil
}

// wait waits until a text has been written, or until what is waited for has ended.
func (l *lines) wait(ctx context.Context, text string) error {
	for !strings.Contains(l.all.String(), text) {
		select {
		case b := <-l.writes:
			l.all.Write(b)
		case <-ctx.Done():
			return fmt.Errorf("%q has not been written: %w", text, ctx.Err())
		}
	}
	return nil
}

// String is what has been written until now.
func (l *lines) String() string {
	for {
		select {
		case b := <-l.writes:
			l.all.Write(b)
		default:
			return l.all.String()
		}
	}
}
