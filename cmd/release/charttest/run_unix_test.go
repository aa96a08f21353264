//go:build unix

package charttest

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// TestConfigIsWhole has vbcvault check the configuration of each set of values, as the
// pod of helm test does it.
func TestConfigIsWhole(t *testing.T) {
	t.Parallel()
	for name, values := range allValues(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := deployed(t, loaded(t), values)
			pod := o.pods[0].Spec
			if len(o.cronJobs) > 0 { // with --online; TestJob runs it as it stands
				pod.Containers[0].Args = pod.Containers[0].Args[:3]
			}
			c := newNode(t).container(t, o, pod)
			if code := c.run(t); code != 0 || strings.Contains(c.stderr.String()+c.stdout.String(), "warning") {
				t.Errorf("exit code %d: %s", code, c)
			}
		})
	}
}

// TestService starts what the StatefulSet starts, as its user, asks what the probes,
// Prometheus and the page's visitors ask, and stops it as Kubernetes does.
func TestService(t *testing.T) {
	t.Parallel()
	for name, file := range sets(t) {
		o := deployed(t, loaded(t), valuesOf(t, file))
		if len(o.statefulSets) == 0 {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNode(t)
			pod := o.statefulSets[0].Spec.Template.Spec
			c := n.container(t, o, pod)
			if err := c.cmd.Start(); err != nil {
				t.Fatal(err)
			}
			patience, stop := context.WithTimeout(t.Context(), time.Minute)
			ended := make(chan error, 1)
			go func() {
				ended <- c.cmd.Wait()
				stop()
			}()
			if err := c.stderr.wait(patience, "vbcvault serve is ready"); err != nil {
				t.Fatalf("%v: %s", err, c)
			}
			of := pod.Containers[0]
			for _, p := range []*corev1.Probe{of.StartupProbe, of.LivenessProbe, of.ReadinessProbe} {
				n.get(t, of, p.HTTPGet.Port.StrVal, "http", p.HTTPGet.Path, "")
			}
			for _, m := range o.monitors {
				n.get(t, of, m.Spec.Endpoints[0].Port, "http", m.Spec.Endpoints[0].Path, "")
			}
			for _, s := range o.services {
				if target := s.Spec.Ports[0].TargetPort.StrVal; target == "web" {
					scheme := "http"
					if strings.Contains(o.configs[0].Data["config.yaml"], "tls.key") {
						scheme = "https"
					}
					n.get(t, of, target, scheme, "/signin", "calls.example.com")
				}
			}
			if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			if err := <-ended; err != nil {
				t.Errorf("%v: %s", err, c)
			}
			if _, err := os.Stat(filepath.Join(n.dir, "state", "service.db")); err != nil {
				t.Errorf("the state isn't on the volume: %v", err)
			}
		})
	}
}

// get asks a port of a container for something that it must have.
func (n *node) get(t *testing.T, c corev1.Container, port, scheme, path, host string) {
	t.Helper()
	for _, p := range c.Ports {
		if p.Name != port {
			continue
		}
		url := scheme + "://" + n.ports[":"+itoa(p.ContainerPort)] + path
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = host
		client := &http.Client{Transport: &http.Transport{
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true,
		}}
		resp, err := client.Do(req)
		if err != nil {
			t.Errorf("port %s: %v", port, err)
			return
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s of port %s answers %s", path, port, resp.Status)
		}
		return
	}
	t.Errorf("no port of the container is called %q", port)
}

// TestJob runs what the CronJob and helm test run, at a VBC that refuses the password:
// the command line and the configuration are taken, the run begins, and a password that
// one of them has tried the other doesn't try again.
func TestJob(t *testing.T) {
	t.Parallel()
	var signIns atomic.Int32
	vbc := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/token") {
			signIns.Add(1)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"error":"invalid_grant","error_description":"Authentication failed"}`))
	}))
	defer vbc.Close()
	values := valuesOf(t, sets(t)["job"])
	inside(t, values, "config", "accounts", "main", "vbc")["api-url"] = vbc.URL
	o := deployed(t, loaded(t), values)
	n := newNode(t)
	run := func(pod corev1.PodSpec, want int) *container {
		t.Helper()
		c := n.container(t, o, pod)
		if code := c.run(t); code != want {
			t.Errorf("exit code %d instead of %d: %s", code, want, c)
		}
		return c
	}
	job := run(o.cronJobs[0].Spec.JobTemplate.Spec.Template.Spec, 3)
	if n := signIns.Load(); n != 1 {
		t.Errorf("the run has tried the password %d times: %s", n, job)
	}
	run(o.pods[0].Spec, 1)
	if n := signIns.Load(); n != 1 {
		t.Errorf("helm test has tried the password again (%d times)", n)
	}
	last := bytes.TrimSpace(job.stdout.Bytes())
	last = last[bytes.LastIndexByte(last, '\n')+1:]
	var said struct {
		Accounts map[string][]string `json:"accounts"`
		ExitCode int                 `json:"exit_code"`
	}
	if err := json.Unmarshal(last, &said); err != nil || said.ExitCode != 3 {
		t.Errorf("the last line of the job's log is no summary: %v: %s", err, job)
	}
}
