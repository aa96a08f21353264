package charttest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
)

// TestCronJob says which traps of CronJobs are avoided.
func TestCronJob(t *testing.T) {
	t.Parallel()
	c := deployed(t, loaded(t), valuesOf(t, sets(t)["job"])).cronJobs[0]
	job := c.Spec.JobTemplate.Spec
	pod := job.Template.Spec
	if c.Spec.Schedule != "17 2 * * *" || c.Spec.TimeZone == nil || *c.Spec.TimeZone != "Europe/Berlin" {
		t.Error("it begins at another time")
	}
	if c.Spec.ConcurrencyPolicy != batchv1.ForbidConcurrent {
		t.Error("two runs may be there at once")
	}
	if c.Spec.StartingDeadlineSeconds == nil || *c.Spec.StartingDeadlineSeconds != 3600 {
		t.Error("after 100 missed starts it never begins again, or a late start is left out")
	}
	if job.BackoffLimit == nil || *job.BackoffLimit != 0 || pod.RestartPolicy != corev1.RestartPolicyNever {
		t.Error("a refused password would be tried again")
	}
	rules := job.PodFailurePolicy.Rules
	if len(rules) != 1 || rules[0].Action != batchv1.PodFailurePolicyActionIgnore || rules[0].OnPodConditions[0].Type != corev1.DisruptionTarget {
		t.Error("a run whose node is drained isn't begun again")
	}
	if pod.TerminationGracePeriodSeconds == nil || *pod.TerminationGracePeriodSeconds < 40 {
		t.Error("transfers can't be finished")
	}
	if job.Template.Spec.Containers[0].LivenessProbe != nil || len(job.Template.Spec.Containers[0].Ports) > 0 {
		t.Error("nothing listens in a run, and something asks")
	}
}

// TestJobOfSomeAccounts names the accounts, and takes more flags as they are.
func TestJobOfSomeAccounts(t *testing.T) {
	t.Parallel()
	values := valuesOf(t, sets(t)["job"])
	values["job"] = map[string]any{"accounts": []any{"main"}, "arguments": []any{"--delete=false", `--cnam="x: y"`}}
	args := deployed(t, loaded(t), values).cronJobs[0].Spec.JobTemplate.Spec.Template.Spec.Containers[0].Args
	if !slices.Contains(args, "main") || slices.Contains(args, "--all") || !slices.Equal(args[len(args)-2:], []string{"--delete=false", `--cnam="x: y"`}) {
		t.Errorf("vbcvault %q", args)
	}
}

// TestStatefulSet says why there is never a second pod, and why a mistake can be mended.
func TestStatefulSet(t *testing.T) {
	t.Parallel()
	s := deployed(t, loaded(t), valuesOf(t, sets(t)["service"])).statefulSets[0].Spec
	if s.Replicas == nil || *s.Replicas != 1 {
		t.Error("several pods would write the same manifests")
	}
	if s.PodManagementPolicy != appsv1.ParallelPodManagement {
		t.Error("a pod that is never ready would keep the one out that mends it")
	}
}

// TestModesKeepTheVolume changes the mode, and the version: the claim is the same, and
// so is what Kubernetes doesn't let anybody change.
func TestModesKeepTheVolume(t *testing.T) {
	t.Parallel()
	values := valuesOf(t, sets(t)["service"])
	before := deployed(t, loaded(t), values)
	newer := loaded(t)
	newer.Metadata.Version, newer.Metadata.AppVersion = "7.0.0", "7.0.0"
	after := deployed(t, newer, values)
	fixed := func(o *objects) string {
		s := o.statefulSets[0].Spec
		text, err := json.Marshal([]any{
			o.statefulSets[0].Name, s.Selector, s.ServiceName, s.PodManagementPolicy, s.VolumeClaimTemplates,
			o.claims[0].Name, o.claims[0].Spec,
		})
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	if fixed(before) != fixed(after) {
		t.Errorf("an upgrade is refused: %s became %s", fixed(before), fixed(after))
	}
	if image := after.statefulSets[0].Spec.Template.Spec.Containers[0].Image; !strings.HasSuffix(image, ":7.0.0") {
		t.Errorf("the newer chart has the image %s", image)
	}
	values["mode"] = "job"
	job := deployed(t, loaded(t), values)
	if job.claims[0].Name != before.claims[0].Name {
		t.Errorf("the manifests of %s aren't on %s", before.claims[0].Name, job.claims[0].Name)
	}
	if job.claims[0].Annotations["helm.sh/resource-policy"] != "keep" {
		t.Error("helm uninstall would delete the manifests")
	}
}

// TestConfigChangeIsNoticed makes the pod anew when the configuration has changed, and
// only then.
func TestConfigChangeIsNoticed(t *testing.T) {
	t.Parallel()
	sum := func(values map[string]any) string {
		return deployed(t, loaded(t), values).statefulSets[0].Spec.Template.Annotations["checksum/config"]
	}
	values := valuesOf(t, sets(t)["service"])
	before := sum(values)
	values["job"] = map[string]any{"suspend": true}
	if sum(values) != before {
		t.Error("what isn't in the configuration begins a pod anew")
	}
	inside(t, values, "config")["accounts-at-once"] = 3
	if sum(values) == before {
		t.Error("the pod keeps the configuration that it began with")
	}
}

// TestLongNames gives the release the longest name that Helm allows.
func TestLongNames(t *testing.T) {
	t.Parallel()
	for _, set := range []string{"everything", "job", "shared"} {
		var values map[string]any
		if set == "shared" {
			values = shared(t)
		} else {
			values = valuesOf(t, sets(t)[set])
		}
		values["fullnameOverride"] = strings.Repeat("a", 51) + "-" + strings.Repeat("b", 11)
		o := deployed(t, loaded(t), values)
		names := map[string]int{}
		for _, c := range o.cronJobs {
			names[c.Name] = 52
		}
		for _, s := range o.statefulSets {
			names[s.Name] = 52 // a label of its pods has 11 letters more
		}
		for _, d := range o.deployments {
			names[d.Name] = 52 // its pods' names have 16 more
		}
		for _, s := range o.services {
			names[s.Name] = 63
		}
		for name, most := range names {
			if len(name) > most || strings.HasSuffix(name, "-") {
				t.Errorf("%s has %d letters, and Kubernetes takes %d", name, len(name), most)
			}
		}
	}
}

// TestNotes has the notes say what comes next, with the names of this release.
func TestNotes(t *testing.T) {
	t.Parallel()
	for set, all := range map[string][]string{
		"service":    {"exec statefulset/night-vbcvault -- vbcvault config check --online", "vbcvault run acme --wait", "--from-file=acme-password --from-file=globex-password --from-file=vbc-client", "the volume night-vbcvault-state"},
		"everything": {"The page is at https://calls.example.com", "vbcvault web link"},
		"text":       {"exec statefulset/night-calls", "the volume manifests"},
		"job":        {"helm --namespace calls test night --logs", "--from=cronjob/night-vbcvault night-vbcvault-now"},
	} {
		notes := deployed(t, loaded(t), valuesOf(t, sets(t)[set])).notes
		for _, want := range all {
			if !strings.Contains(notes, want) {
				t.Errorf("the notes of %s don't say %q:\n%s", set, want, notes)
			}
		}
		if strings.Contains(notes, fmt.Sprint(nil)) || strings.Contains(notes, "%!") {
			t.Errorf("the notes of %s have a hole:\n%s", set, notes)
		}
	}
}
