package charttest

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// workload is what makes pods.
type workload struct {
	kind, name string
	pod        corev1.PodTemplateSpec
	selector   map[string]string // of a StatefulSet and a Deployment
}

// workloads are all that make pods, and the pods of helm test.
func (o *objects) workloads() (all []workload) {
	for _, s := range o.statefulSets {
		all = append(all, workload{"StatefulSet", s.Name, s.Spec.Template, s.Spec.Selector.MatchLabels})
	}
	for _, d := range o.deployments {
		all = append(all, workload{"Deployment", d.Name, d.Spec.Template, d.Spec.Selector.MatchLabels})
	}
	for _, c := range o.cronJobs {
		all = append(all, workload{"CronJob", c.Name, c.Spec.JobTemplate.Spec.Template, nil})
	}
	for _, p := range o.pods {
		all = append(all, workload{"Pod", p.Name, corev1.PodTemplateSpec{ObjectMeta: p.ObjectMeta, Spec: p.Spec}, nil})
	}
	return all
}

// TestPartsFit sees that what the chart makes refers to what it makes: Kubernetes takes a
// Service that leads to no pod, and a volume that is in no claim.
func TestPartsFit(t *testing.T) {
	t.Parallel()
	for name, values := range allValues(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := deployed(t, loaded(t), values)
			if n := len(o.statefulSets) + len(o.deployments) + len(o.cronJobs); n != 1 {
				t.Fatalf("%d workloads", n)
			}
			for _, w := range o.workloads() {
				o.fits(t, w)
			}
			o.leads(t, o.workloads()[0])
		})
	}
}

// fits looks at what pods refer to.
func (o *objects) fits(t *testing.T, w workload) {
	t.Helper()
	if !within(w.selector, w.pod.Labels) {
		t.Errorf("the %s's selector %v doesn't fit its pod's labels %v", w.kind, w.selector, w.pod.Labels)
	}
	if len(o.accounts) > 0 && o.accounts[0].Name != w.pod.Spec.ServiceAccountName {
		t.Errorf("the %s's pods run as %q, and the ServiceAccount is %q", w.kind, w.pod.Spec.ServiceAccountName, o.accounts[0].Name)
	}
	volumes := map[string]bool{}
	for _, v := range w.pod.Spec.Volumes {
		if volumes[v.Name] {
			t.Errorf("two volumes of the %s are called %s", w.kind, v.Name)
		}
		volumes[v.Name] = true
		if v.ConfigMap != nil && v.ConfigMap.Name != o.configs[0].Name {
			t.Errorf("there is no ConfigMap %s", v.ConfigMap.Name)
		}
		if c := v.PersistentVolumeClaim; v.Name == "state" && c != nil && len(o.claims) > 0 && c.ClaimName != o.claims[0].Name {
			t.Errorf("the %s's claim is %s, and the chart makes %s", w.kind, c.ClaimName, o.claims[0].Name)
		}
	}
	mounts := map[string]bool{}
	for _, m := range w.pod.Spec.Containers[0].VolumeMounts {
		if !volumes[m.Name] || mounts[m.MountPath] {
			t.Errorf("%s is no volume of the %s, or something else is at %s", m.Name, w.kind, m.MountPath)
		}
		mounts[m.MountPath] = true
	}
	for _, path := range []string{"/etc/vbcvault/config.yaml", "/var/lib/vbcvault", "/tmp"} {
		if !mounts[path] {
			t.Errorf("nothing is mounted at %s of the %s", path, w.kind)
		}
	}
	if len(secretFiles(o)) > 0 && !mounts["/etc/vbcvault/secrets"] {
		t.Errorf("the configuration refers to secrets, and the %s has none", w.kind)
	}
	environment := map[string]bool{}
	for _, e := range w.pod.Spec.Containers[0].Env {
		if environment[e.Name] {
			t.Errorf("%s is there twice in the %s", e.Name, w.kind)
		}
		environment[e.Name] = true
	}
}

// leads looks at what refers to pods.
func (o *objects) leads(t *testing.T, to workload) {
	t.Helper()
	ports := map[string]bool{}
	for _, p := range to.pod.Spec.Containers[0].Ports {
		ports[p.Name] = true
	}
	services := map[string]corev1.Service{}
	for _, s := range o.services {
		services[s.Name] = s
		if !within(s.Spec.Selector, to.pod.Labels) {
			t.Errorf("the Service %s leads to no pod", s.Name)
		}
		for _, p := range o.pods {
			if within(s.Spec.Selector, p.Labels) {
				t.Errorf("the Service %s leads to the pod of helm test", s.Name)
			}
		}
		for _, p := range s.Spec.Ports {
			if !ports[p.TargetPort.StrVal] {
				t.Errorf("the Service %s leads to the port %s, which no container has", s.Name, p.TargetPort.StrVal)
			}
		}
	}
	for _, s := range o.statefulSets {
		if services[s.Spec.ServiceName].Name == "" {
			t.Errorf("there is no Service %q", s.Spec.ServiceName)
		}
	}
	if web, ok := services[to.name+"-web"]; ok {
		encrypted := strings.Contains(o.configs[0].Data["config.yaml"], "tls.key")
		if port := web.Spec.Ports[0].Port; encrypted != (port == 443) {
			t.Errorf("the page's port is %d", port)
		}
	}
	for _, i := range o.ingresses {
		b := i.Spec.Rules[0].HTTP.Paths[0].Backend.Service
		if s := services[b.Name]; len(s.Spec.Ports) != 1 || s.Spec.Ports[0].Name != b.Port.Name {
			t.Errorf("the Ingress leads to no port %s of a Service %s", b.Port.Name, b.Name)
		}
		if i.Spec.Rules[0].Host != "calls.example.com" {
			t.Errorf("the Ingress is for %s", i.Spec.Rules[0].Host)
		}
	}
	for _, m := range o.monitors {
		found := 0
		for _, s := range o.services {
			if within(m.Spec.Selector.MatchLabels, s.Labels) {
				found++
				if s.Spec.Ports[0].Name != m.Spec.Endpoints[0].Port {
					t.Errorf("the Service %s has no port %s, which the ServiceMonitor reads", s.Name, m.Spec.Endpoints[0].Port)
				}
			}
		}
		if found != 1 || !slices.Equal(m.Spec.NamespaceSelector.MatchNames, []string{namespace}) {
			t.Errorf("the ServiceMonitor finds %d Services in %v", found, m.Spec.NamespaceSelector.MatchNames)
		}
	}
	selectors := map[string]map[string]string{}
	for _, b := range o.budgets {
		selectors["PodDisruptionBudget"] = b.Spec.Selector.MatchLabels
	}
	for _, p := range o.policies {
		selectors["NetworkPolicy"] = p.Spec.PodSelector.MatchLabels
		if len(p.Spec.PolicyTypes) != 2 || len(p.Spec.Egress) == 0 {
			t.Error("the NetworkPolicy leaves something open, or lets nothing out")
		}
		for _, in := range p.Spec.Ingress {
			if !ports[in.Ports[0].Port.StrVal] || len(in.From) == 0 {
				t.Errorf("the NetworkPolicy lets everybody to %s, or to no port", in.Ports[0].Port.StrVal)
			}
		}
		if len(p.Spec.Ingress) != len(ports) {
			t.Errorf("the NetworkPolicy lets somebody to %d ports of %d", len(p.Spec.Ingress), len(ports))
		}
	}
	for kind, s := range selectors {
		if len(s) == 0 || !within(s, to.pod.Labels) {
			t.Errorf("the %s is about no pod, or about all: %v", kind, s)
		}
	}
}

// within reports whether labels have all that a selector asks for.
func within(selector, labels map[string]string) bool {
	for key, value := range selector {
		if labels[key] != value {
			return false
		}
	}
	return true
}

// TestEveryValueCounts finds a value that no template has: whoever sets it would wait
// for something to happen.
func TestEveryValueCounts(t *testing.T) {
	t.Parallel()
	var templates strings.Builder
	for _, f := range loaded(t).Templates {
		templates.Write(f.Data)
	}
	used := map[string]bool{}
	for _, m := range regexp.MustCompile(`[vV]alues\.([A-Za-z.]+)`).FindAllStringSubmatch(templates.String(), -1) {
		used[m[1]] = true
	}
	for _, v := range valuesDescribed(t) {
		if !used[v.path] {
			t.Errorf("no template has %s: there are %v", v.path, slices.Sorted(maps.Keys(used)))
		}
	}
}
