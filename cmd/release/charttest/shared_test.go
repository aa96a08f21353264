package charttest

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// shared are values with all that can be switched on, of pods that share a database.
func shared(t *testing.T) map[string]any {
	t.Helper()
	values := valuesOf(t, sets(t)["everything"])
	values["replicas"], values["database"] = 3, map[string]any{"secret": "db", "pageSecret": "db-page"}
	inside(t, values, "config", "defaults")["signing-key"] = map[string]any{"credential": "receipts-key"}
	return values
}

// TestSeveralReplicas has pods share a database: any of them may be moved or replaced, and
// nothing of the work is on a volume.
func TestSeveralReplicas(t *testing.T) {
	t.Parallel()
	values := shared(t)
	delete(values, "web")
	delete(inside(t, values, "database"), "pageSecret")
	o := deployed(t, loaded(t), values)
	if len(o.deployments) != 1 || len(o.statefulSets)+len(o.claims) > 0 {
		t.Fatal("it is no Deployment alone")
	}
	d := o.deployments[0].Spec
	if d.Replicas == nil || *d.Replicas != 3 {
		t.Errorf("%v replicas", d.Replicas)
	}
	if r := d.Strategy.RollingUpdate; r == nil || r.MaxUnavailable == nil || r.MaxUnavailable.IntValue() != 0 {
		t.Error("during an upgrade there are fewer pods")
	}
	if s := d.Template.Spec.TopologySpreadConstraints; len(s) != 1 || !within(s[0].LabelSelector.MatchLabels, d.Template.Labels) {
		t.Error("all pods may be on one node")
	}
	if g := d.Template.Spec.TerminationGracePeriodSeconds; g == nil || *g < 40 {
		t.Error("a pod that is stopped has no time to hand its accounts over")
	}
	for _, v := range d.Template.Spec.Volumes {
		if v.Name == "state" && v.EmptyDir == nil {
			t.Error("pods share a volume")
		}
	}
	for _, w := range o.workloads() {
		o.fits(t, w)
		for _, wrong := range unrestricted(w.pod.Spec) {
			t.Errorf("%s: %s", w.kind, wrong)
		}
		environment := map[string]string{}
		for _, e := range w.pod.Spec.Containers[0].Env {
			environment[e.Name] = e.Value
		}
		if environment["VBCVAULT_DATABASE_URL_FILE"] != "/etc/vbcvault/database/url" || environment["VBCVAULT_DATABASE_PASSWORD_FILE"] != "/etc/vbcvault/database/password" {
			t.Errorf("the %s isn't told where the database is: %v", w.kind, environment)
		}
		if s := databaseOf(w.pod.Spec); s != "db" {
			t.Errorf("the %s's database is of the Secret %q", w.kind, s)
		}
	}
	o.leads(t, o.workloads()[0])
}

// TestPageApart has a pod of its own answer the page of pods that share a database: those
// come and go, and users and sessions are in a file.
func TestPageApart(t *testing.T) {
	t.Parallel()
	o := deployed(t, loaded(t), shared(t))
	if len(o.deployments) != 1 || len(o.statefulSets) != 1 || len(o.claims) != 1 {
		t.Fatalf("%d Deployments, %d StatefulSets, %d claims", len(o.deployments), len(o.statefulSets), len(o.claims))
	}
	serve, page := o.deployments[0], o.statefulSets[0]
	of := page.Spec.Template.Spec
	if *page.Spec.Replicas != 1 || of.Containers[0].Args[0] != "web" || serve.Spec.Template.Spec.Containers[0].Args[0] != "serve" {
		t.Error("it isn't one pod that answers the page beside those that work")
	}
	if within(serve.Spec.Selector.MatchLabels, page.Spec.Template.Labels) || within(page.Spec.Selector.MatchLabels, serve.Spec.Template.Labels) {
		t.Error("one takes the other's pods for its own")
	}
	if s := databaseOf(of); s != "db-page" {
		t.Errorf("the page's database is of the Secret %q", s)
	}
	values := shared(t)
	delete(inside(t, values, "database"), "pageSecret")
	if s := databaseOf(deployed(t, loaded(t), values).statefulSets[0].Spec.Template.Spec); s != "db" {
		t.Errorf("without one of its own, of the Secret %q", s)
	}
	for name, listens := range map[string]bool{"config.yaml": false, "page.yaml": true} {
		if strings.Contains(o.configs[0].Data[name], "listen: :8180") != listens {
			t.Errorf("%s: whether the page is answered is wrong:\n%s", name, o.configs[0].Data[name])
		}
	}
	for _, w := range o.workloads() {
		o.fits(t, w)
		for _, wrong := range unrestricted(w.pod.Spec) {
			t.Errorf("%s: %s", w.kind, wrong)
		}
	}
	o.halves(t)
	if !strings.Contains(o.notes, "exec statefulset/night-vbcvault-web -- vbcvault web link") || !strings.Contains(o.notes, "exec deployment/night-vbcvault -- vbcvault fleet status") {
		t.Errorf("the notes lead elsewhere:\n%s", o.notes)
	}
}

// halves looks at what refers to the pods that work, and what to the page's: leads does,
// of one pod alone.
func (o *objects) halves(t *testing.T) {
	t.Helper()
	all := *o
	work, page := all, all
	work.services = slices.DeleteFunc(slices.Clone(all.services), func(s corev1.Service) bool { return strings.HasSuffix(s.Name, "-web") })
	work.statefulSets, work.ingresses = nil, nil
	work.policies, page.policies = nil, nil
	for _, p := range all.policies {
		if strings.HasSuffix(p.Name, "-web") {
			page.policies = append(page.policies, p)
		} else {
			work.policies = append(work.policies, p)
		}
	}
	page.services = slices.DeleteFunc(slices.Clone(all.services), func(s corev1.Service) bool { return !strings.HasSuffix(s.Name, "-web") })
	page.monitors, page.budgets, page.deployments = nil, nil, nil
	if len(work.services) != 1 || len(page.services) != 1 || len(work.policies) != 1 || len(page.policies) != 1 {
		t.Fatalf("%d and %d Services, %d and %d NetworkPolicies", len(work.services), len(page.services), len(work.policies), len(page.policies))
	}
	work.leads(t, work.workloads()[0])
	page.leads(t, page.workloads()[0])
}

// databaseOf is the Secret with the database of a pod.
func databaseOf(pod corev1.PodSpec) string {
	for _, v := range pod.Volumes {
		if v.Name == "database" {
			return v.Secret.SecretName
		}
	}
	return ""
}

// TestDatabaseOfTheConfiguration names the database in the configuration, and no Secret of
// its own: that is enough.
func TestDatabaseOfTheConfiguration(t *testing.T) {
	t.Parallel()
	values := valuesOf(t, sets(t)["text"])
	values["web"] = map[string]any{"enabled": false}
	values["replicas"] = 2
	values["configText"] = `accounts: {a: {schedule: {cron: 1 2 * * *}, signing-key: {credential: key}}}
database: {url: "postgres://vbcvault@db.example.com/vbcvault", password: {credential: db}}
`
	o := deployed(t, loaded(t), values)
	if len(o.deployments) != 1 || databaseOf(o.deployments[0].Spec.Template.Spec) != "" {
		t.Error("the pods don't share the database of the configuration alone")
	}
}

// TestProgramWithoutDatabases is a chart of a program that has none, as its annotation says.
func TestProgramWithoutDatabases(t *testing.T) {
	t.Parallel()
	c := loaded(t)
	c.Metadata.Annotations["vbcvault/manifests"] = "sqlite"
	if _, err := rendered(c, shared(t)); err == nil || !strings.Contains(err.Error(), "a database is refused") {
		t.Errorf("%v", err)
	}
}
