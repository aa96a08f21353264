package charttest

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/yaml"
)

// objects are what the chart makes, by kind.
type objects struct {
	notes        string
	configs      []corev1.ConfigMap
	claims       []corev1.PersistentVolumeClaim
	accounts     []corev1.ServiceAccount
	services     []corev1.Service
	pods         []corev1.Pod // those of helm test
	statefulSets []appsv1.StatefulSet
	deployments  []appsv1.Deployment
	cronJobs     []batchv1.CronJob
	ingresses    []networkingv1.Ingress
	policies     []networkingv1.NetworkPolicy
	budgets      []policyv1.PodDisruptionBudget
	monitors     []serviceMonitor
	rules        []prometheusRule
}

// add decodes a document as what it says that it is.
func (o *objects) add(t *testing.T, name, doc string) {
	t.Helper()
	var is struct{ APIVersion, Kind string }
	if err := yaml.Unmarshal([]byte(doc), &is); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, doc)
	}
	switch is.APIVersion + " " + is.Kind {
	case "v1 ConfigMap":
		o.configs = decoded(t, name, doc, o.configs)
	case "v1 PersistentVolumeClaim":
		o.claims = decoded(t, name, doc, o.claims)
	case "v1 ServiceAccount":
		o.accounts = decoded(t, name, doc, o.accounts)
	case "v1 Service":
		o.services = decoded(t, name, doc, o.services)
	case "v1 Pod":
		o.pods = decoded(t, name, doc, o.pods)
	case "apps/v1 StatefulSet":
		o.statefulSets = decoded(t, name, doc, o.statefulSets)
	case "apps/v1 Deployment":
		o.deployments = decoded(t, name, doc, o.deployments)
	case "batch/v1 CronJob":
		o.cronJobs = decoded(t, name, doc, o.cronJobs)
	case "networking.k8s.io/v1 Ingress":
		o.ingresses = decoded(t, name, doc, o.ingresses)
	case "networking.k8s.io/v1 NetworkPolicy":
		o.policies = decoded(t, name, doc, o.policies)
	case "policy/v1 PodDisruptionBudget":
		o.budgets = decoded(t, name, doc, o.budgets)
	case "monitoring.coreos.com/v1 ServiceMonitor":
		o.monitors = decoded(t, name, doc, o.monitors)
	case "monitoring.coreos.com/v1 PrometheusRule":
		o.rules = decoded(t, name, doc, o.rules)
	default:
		t.Errorf("%s: nobody knows a %q of %q:\n%s", name, is.Kind, is.APIVersion, doc)
	}
}

func decoded[T any](t *testing.T, name, doc string, others []T) []T {
	t.Helper()
	var one T
	strict(t, name, doc, &one)
	return append(others, one)
}

// serviceMonitor is what the chart uses of the Prometheus Operator's, whose types need
// all of its other types.
type serviceMonitor struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name   string            `json:"name"`
		Labels map[string]string `json:"labels"`
	} `json:"metadata"`
	Spec struct {
		Selector struct {
			MatchLabels map[string]string `json:"matchLabels"`
		} `json:"selector"`
		NamespaceSelector struct {
			MatchNames []string `json:"matchNames"`
		} `json:"namespaceSelector"`
		Endpoints []struct {
			Port          string `json:"port"`
			Path          string `json:"path"`
			Interval      string `json:"interval"`
			ScrapeTimeout string `json:"scrapeTimeout,omitempty"`
		} `json:"endpoints"`
	} `json:"spec"`
}

// prometheusRule is what the chart uses of the Prometheus Operator's.
type prometheusRule struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name   string            `json:"name"`
		Labels map[string]string `json:"labels"`
	} `json:"metadata"`
	Spec struct {
		Groups []struct {
			Name  string `json:"name"`
			Rules []struct {
				Alert       string            `json:"alert"`
				Expr        string            `json:"expr"`
				For         string            `json:"for,omitempty"`
				Labels      map[string]string `json:"labels,omitempty"`
				Annotations map[string]string `json:"annotations,omitempty"`
			} `json:"rules"`
		} `json:"groups"`
	} `json:"spec"`
}
