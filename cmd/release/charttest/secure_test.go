package charttest

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// TestRestricted holds every pod to the Pod Security Standard restricted, and to what is
// better than that.
func TestRestricted(t *testing.T) {
	t.Parallel()
	for name, values := range allValues(t) {
		o := deployed(t, loaded(t), values)
		for _, w := range o.workloads() {
			for _, wrong := range unrestricted(w.pod.Spec) {
				t.Errorf("%s, %s: %s", name, w.kind, wrong)
			}
		}
	}
}

// unrestricted says what restricted forbids of a pod.
func unrestricted(p corev1.PodSpec) (wrong []string) {
	refuse := func(is bool, what string) {
		if is {
			wrong = append(wrong, what)
		}
	}
	refuse(p.HostNetwork || p.HostPID || p.HostIPC, "it is in a namespace of the host")
	refuse(p.AutomountServiceAccountToken == nil || *p.AutomountServiceAccountToken, "it gets a token of the cluster")
	refuse(p.EnableServiceLinks == nil || *p.EnableServiceLinks, "it gets variables of Services, which may look like vbcvault's own")
	s := p.SecurityContext
	if s == nil {
		return append(wrong, "the pod has no security context")
	}
	refuse(s.RunAsNonRoot == nil || !*s.RunAsNonRoot, "it may run as root")
	refuse(s.RunAsUser == nil || *s.RunAsUser == 0, "it runs as root, or as whoever the image says")
	refuse(s.FSGroup == nil || *s.FSGroup == 0, "its volumes belong to no group of its own")
	seccomp := s.SeccompProfile
	refuse(seccomp == nil || seccomp.Type != corev1.SeccompProfileTypeRuntimeDefault, "all system calls are allowed")
	for _, v := range p.Volumes {
		refuse(v.HostPath != nil, "a directory of the host is a volume")
		allowed := v.ConfigMap != nil || v.Projected != nil || v.Secret != nil || v.EmptyDir != nil || v.PersistentVolumeClaim != nil
		refuse(!allowed, "volume "+v.Name+" is of a kind that restricted forbids")
		for _, mode := range modes(v) {
			refuse(mode == nil || *mode&0o337 != 0, "others can read the files of "+v.Name+", or somebody can change or run them")
		}
	}
	for _, c := range slices.Concat(p.InitContainers, p.Containers) {
		s := c.SecurityContext
		if s == nil || s.Capabilities == nil {
			return append(wrong, "the container has no security context")
		}
		refuse(s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation, "it may gain privileges")
		refuse(!slices.Equal(s.Capabilities.Drop, []corev1.Capability{"ALL"}) || len(s.Capabilities.Add) > 0, "it has capabilities")
		refuse(s.Privileged != nil && *s.Privileged, "it is privileged")
		refuse(s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem, "its root can be written")
		for _, port := range c.Ports {
			refuse(port.HostPort != 0, "it takes a port of the host")
		}
		for _, m := range c.VolumeMounts {
			writable := m.Name == "state" || m.Name == "tmp" || m.Name == "backup"
			refuse(m.ReadOnly == writable, "whether "+m.Name+" can be written is wrong")
		}
	}
	return wrong
}

// modes are those of a volume's files, as far as somebody chooses them.
func modes(v corev1.Volume) (all []*int32) {
	if v.ConfigMap != nil {
		all = append(all, v.ConfigMap.DefaultMode)
	}
	if v.Projected != nil {
		all = append(all, v.Projected.DefaultMode)
	}
	if v.Secret != nil {
		all = append(all, v.Secret.DefaultMode)
	}
	return all
}

// TestOpenShift lets the platform choose the user: what is null isn't there.
func TestOpenShift(t *testing.T) {
	t.Parallel()
	values := valuesOf(t, sets(t)["service"])
	values["podSecurityContext"] = map[string]any{"runAsUser": nil, "runAsGroup": nil, "fsGroup": nil}
	s := deployed(t, loaded(t), values).statefulSets[0].Spec.Template.Spec.SecurityContext
	if s.RunAsUser != nil || s.RunAsGroup != nil || s.FSGroup != nil {
		t.Errorf("the chart chooses a user: %v", s)
	}
	if s.RunAsNonRoot == nil || !*s.RunAsNonRoot {
		t.Error("it may run as root")
	}
}
