package main

import (
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"go.yaml.in/yaml/v3"
)

// The image has all that the program needs: it runs as its own user, with a root that
// nobody can write, no time zones of a system, and, for the demo, no network.
func TestImageRuns(t *testing.T) {
	t.Parallel()
	r := built(t)
	c := newContainer(t, r)
	for name, test := range map[string]func(*container){
		"the version":        func(c *container) { c.says(r.version.semver, "version") },
		"the demo":           runsTheDemo,
		"a service":          serves,
		"other certificates": trusts,
		"the manual":         does,
		"a network volume":   refusesNetwork,
	} {
		t.Run(name, func(t *testing.T) {
			own := *c
			own.t, own.state = t, filepath.Join(filepath.Dir(c.state), strings.ReplaceAll(name, " ", "-"))
			if err := os.Mkdir(own.state, 0o700); err != nil {
				t.Fatal(err)
			}
			test(&own)
		})
	}
}

func (c *container) says(text string, args ...string) {
	c.t.Helper()
	if out, _ := c.run(0, args...); !strings.Contains(out, text) {
		c.t.Errorf("%s says nothing of %q:\n%s", args[0], text, out)
	}
}

func runsTheDemo(c *container) {
	var sum struct {
		Archived, Deleted int
	}
	out, _ := c.run(0, "demo", "--recordings", "12", "--delete", "--json")
	if err := json.Unmarshal([]byte(out), &sum); err != nil || sum.Archived != 6 || sum.Deleted != 6 {
		c.t.Errorf("%+v, %v of %s", sum, err, out)
	}
	// Only in the state directory anything outlives the container.
	c.run(0, "demo", "--recordings", "12", "--dir", "/var/lib/vbcvault/demo")
	c.says("6", "verify", "--manifest", "/var/lib/vbcvault/demo/demo.manifest")
	if _, err := os.Stat(filepath.Join(c.state, "demo", "demo.manifest")); err != nil {
		c.t.Error(err)
	}
	if _, said := c.run(2, "demo", "--dir", "/usr/demo"); !strings.Contains(said, "read-only file system") {
		c.t.Errorf("the root can be written, or nobody says that it can't: %s", said)
	}
}

// The service is process 1 of the container, and ends well when the engine stops it.
func serves(c *container) {
	const config = `
accounts:
  acme:
    older-than: 90d
    to: file:///var/lib/vbcvault/archive
    vbc: {username: bot, password: {env: P}, client-id: app, client-secret: {env: S}, api-url: "https://127.0.0.1:1"}
    schedule: {cron: "30 2 29 2 *", time-zone: Europe/Berlin}
`
	at := filepath.Join(filepath.Dir(c.state), "config.yaml")
	if err := os.WriteFile(at, []byte(config), 0o644); err != nil {
		c.t.Fatal(err)
	}
	c.binds, c.env = []string{at, "/etc/vbcvault/config.yaml"}, []string{"VBCVAULT_CONFIG=/etc/vbcvault/config.yaml", "P=p", "S=s"}
	s := c.start("serve")
	if line := s.until("vbcvault serve is ready"); !strings.Contains(line, "state=/var/lib/vbcvault/service.db") {
		c.t.Error(line)
	}
	// The zone is inside the program: 02:30 in Berlin's winter is 01:30 in UTC. What is
	// planned is written a little after the service is ready.
	for tries := 0; ; tries++ {
		if out, _ := c.run(0, "jobs", "--json"); strings.Contains(out, "2028-02-29T01:30") {
			break
		} else if tries == 200 {
			c.t.Errorf("nothing is planned: %s", out)
			break
		}
	}
	s.stop()
}

// A server whose certificate nobody knows is trusted once the authority is named, or
// put beside those of the image.
func trusts(c *container) {
	var asked atomic.Int64
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		http.Error(w, "not now", http.StatusServiceUnavailable)
	}))
	defer server.Close()
	ca := filepath.Join(filepath.Dir(c.state), "company.crt")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o644); err != nil {
		c.t.Fatal(err)
	}
	c.network = true
	for _, try := range []struct {
		at   string
		env  []string
		says string
	}{
		{"", nil, "certificate"},
		{"/etc/vbcvault/company.crt", []string{"SSL_CERT_FILE=/etc/vbcvault/company.crt"}, "503"},
		{"/etc/ssl/certs/company.crt", nil, "503"},
	} {
		asked.Store(0)
		c.env = append(try.env, "VBC_API_URL="+server.URL, "VBC_USERNAME=u", "VBC_PASSWORD=p", "VBC_CLIENT_ID=c", "VBC_CLIENT_SECRET=s")
		if c.binds = nil; try.at != "" {
			c.binds = []string{ca, try.at}
		}
		out, _ := c.run(1, "doctor", "--to", "file:///var/lib/vbcvault/archive")
		if !strings.Contains(out, try.says) || (asked.Load() > 0) != (try.at != "") {
			c.t.Errorf("with the authority at %q the server was asked %d times; want %q in\n%s", try.at, asked.Load(), try.says, out)
		}
	}
}

// manualYAML are the manual's YAML blocks about the image: compose's file, and the
// configuration beside it.
func manualYAML(t *testing.T) (compose, config string) {
	t.Helper()
	page, err := os.ReadFile("../vbcvault/topics/install.md")
	if err != nil {
		t.Fatal(err)
	}
	_, part, _ := strings.Cut(string(page), "\n## A container image\n")
	part, _, _ = strings.Cut(part, "\n## ")
	_, part, _ = strings.Cut(part, "```yaml\n")
	compose, part, ok1 := strings.Cut(part, "```\n")
	_, part, ok2 := strings.Cut(part, "```yaml\n")
	config, _, ok3 := strings.Cut(part, "```\n")
	if !ok1 || !ok2 || !ok3 {
		t.Fatal("install.md has not the two files of Docker Compose")
	}
	return compose, config
}

// What the manual has Docker Compose do is done here with the same files in the same
// places, by the same user.
func does(c *container) {
	compose, config := manualYAML(c.t)
	var file struct {
		Services map[string]struct {
			Image       string
			Command     []string
			Environment map[string]string
			Volumes     []string
			ReadOnly    bool `yaml:"read_only"`
			Tmpfs       []string
		}
		Volumes map[string]any
	}
	if err := yaml.Unmarshal([]byte(compose), &file); err != nil {
		c.t.Fatal(err)
	}
	s := file.Services["vbcvault"]
	if s.Image != imageName+":VERSION" || !s.ReadOnly || !slices.Equal(s.Tmpfs, []string{"/tmp"}) || len(file.Volumes) != 1 {
		c.t.Errorf("%+v", file)
	}
	beside := filepath.Join(filepath.Dir(c.state), "beside")
	if err := os.MkdirAll(filepath.Join(beside, "secrets"), 0o755); err != nil {
		c.t.Fatal(err)
	}
	for name, text := range map[string]string{"config.yaml": config, "secrets/vbc-password": "p\n", "secrets/vbc-client-secret": "s\n"} {
		if err := os.WriteFile(filepath.Join(beside, name), []byte(text), 0o644); err != nil {
			c.t.Fatal(err)
		}
	}
	for _, v := range s.Volumes {
		from, rest, _ := strings.Cut(v, ":")
		to, _, readOnly := strings.Cut(rest, ":")
		if _, named := file.Volumes[from]; named {
			if to != imageState || readOnly {
				c.t.Errorf("the volume is at %s", v)
			}
			continue
		}
		c.binds = append(c.binds, filepath.Join(beside, from), to)
	}
	for name, value := range s.Environment {
		c.env = append(c.env, name+"="+value)
	}
	c.says("2 different secrets", "config", "check")
	on := c.start(s.Command...)
	on.until("vbcvault serve is ready")
	on.stop()
	if _, err := os.Stat(filepath.Join(c.state, "service.db")); err != nil {
		c.t.Error(err)
	}
}

// A volume that several machines may have is refused before anything is made on it.
func refusesNetwork(c *container) {
	needs(c.t, "bindfs")
	_, config := manualYAML(c.t)
	at := filepath.Join(filepath.Dir(c.state), "config-on-network.yaml")
	config = strings.NewReplacer("{file: /run/secrets/vbc-password}", "{env: P}", "{file: /run/secrets/vbc-client-secret}", "{env: S}").Replace(config)
	if err := os.WriteFile(at, []byte(config), 0o644); err != nil {
		c.t.Fatal(err)
	}
	shared := c.state
	c.state += "-mounted"
	if err := os.Mkdir(c.state, 0o700); err != nil {
		c.t.Fatal(err)
	}
	if out, err := exec.Command("bindfs", "--force-user="+strconv.Itoa(imageUser), shared, c.state).CombinedOutput(); err != nil {
		if os.Getenv("CI") != "" {
			c.t.Fatalf("can't mount FUSE, and CI is set: %v: %s", err, out)
		}
		c.t.Skipf("can't mount FUSE here: %v: %s", err, out)
	}
	defer func() {
		if out, err := exec.Command("umount", c.state).CombinedOutput(); err != nil {
			c.t.Errorf("unmount: %v: %s", err, out)
		}
	}()
	c.binds, c.env = []string{at, "/etc/vbcvault/config.yaml"}, []string{"VBCVAULT_CONFIG=/etc/vbcvault/config.yaml", "P=p", "S=s", "AWS_REGION=eu-central-1"}
	_, said := c.run(3, "serve")
	for _, text := range []string{"/var/lib/vbcvault is on fuse", "ReadWriteOnce"} {
		if !strings.Contains(said, text) {
			c.t.Errorf("it doesn't say %q: %s", text, said)
		}
	}
	if left, err := os.ReadDir(shared); err != nil || len(left) > 0 {
		c.t.Errorf("it has made %v there, %v", left, err)
	}
}
