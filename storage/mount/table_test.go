package mount

import (
	"slices"
	"strings"
	"testing"
)

// A machine with what is hard to read: escapes, optional fields, mounts on top
// of each other, binds, FUSE on a disk and elsewhere.
const machine = `22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 27 0:30 / /mnt rw - tmpfs tmpfs rw
31 30 0:31 / /mnt/my\040cloud\134\011\012 rw,nosuid shared:5 master:2 propagate_from:1 unbindable - fuse.rclone remote:bucket rw,user_id=0
32 30 8:17 / /mnt/usb rw - fuseblk /dev/sdb1 rw,blksize=4096
33 30 8:18 / /mnt/usb2 rw - fuseblk.exfat /dev/sdb2 rw
40 27 8:1 /srv/data /mnt/bound rw - ext4 /dev/sda1 rw
41 27 0:41 /export /mnt/nas rw - autofs systemd-1 rw,fd=34
42 41 0:42 / /mnt/nas rw - nfs4 nas:/export rw,vers=4.2
50 27 0:50 / /mnt/twice rw - cifs //nas/share rw
51 50 8:33 / /mnt/twice rw - xfs /dev/sdc1 rw
52 30 0:52 / /mnt/here rw - virtiofs share rw
53 30 0:53 / /mnt/no-source rw - tmpfs  rw
60 27 0:60 / /var/lib/docker/overlay2/x/merged rw - overlay overlay rw,lowerdir=` + "/l/A:/l/B" + `
70 27 0:22 / /sys/fs/fuse/connections rw - fusectl fusectl rw
80 27 8:49 / /data\ rw - ext4 /dev/sdd1 rw
`

func TestTable(t *testing.T) {
	long := "90 27 0:90 / /long rw - overlay overlay rw,lowerdir=" + strings.Repeat("/var/lib/docker/l/ABCDEFGH:", 400) + "\n"
	table := parse(long + machine)
	if len(long) < 10_000 || len(table) != 17 {
		t.Fatalf("%d of 17 lines were read", len(table))
	}
	for name, c := range map[string]struct {
		device, path string // "" of a device that isn't shown
		kind         string
	}{
		"root":                             {"", "/etc", "ext4"},
		"the root itself":                  {"", "/", "ext4"},
		"space, backslash, tab, newline":   {"", "/mnt/my cloud\\\t\n/calls", "fuse.rclone"},
		"another name that begins alike":   {"", "/mnt/usb22", "tmpfs"},
		"FUSE on a disk":                   {"", "/mnt/usb/a/b", "fuseblk"},
		"with a subtype":                   {"", "/mnt/usb2", "fuseblk.exfat"},
		"bound":                            {"", "/mnt/bound/x", "ext4"},
		"the last of several":              {"", "/mnt/nas/calls", "nfs4"},
		"a disk on top of a share":         {"", "/mnt/twice/calls", "xfs"},
		"by its device, hidden by another": {"0:50", "/mnt/twice/calls", "cifs"},
		"by its device, path elsewhere":    {"0:31", "/etc", "fuse.rclone"},
		"no source":                        {"", "/mnt/no-source", "tmpfs"},
		"after a long line":                {"", "/long/x", "overlay"},
		"a backslash that is no escape":    {"", `/data\/x`, "ext4"},
	} {
		if got := table.kind(c.device, c.path); got != c.kind {
			t.Errorf("%s: %q, want %q", name, got, c.kind)
		}
	}
	if got := parse("1 2 0:5 / /only rw - nfs a rw\n").kind("", "/elsewhere"); got != "" {
		t.Errorf("nothing is mounted there, and it is %q", got)
	}
}

func TestBelow(t *testing.T) {
	t.Parallel()
	table := parse(machine)
	for dir, want := range map[string]string{
		"/mnt/nas":   "", // itself isn't below
		"/mnt/twice": "",
		"/mnt/usb":   "",
		"/var":       "",
		"/srv":       "",
		"/mnt/n":     "",
		"/mnt":       "/mnt/here",
		"/":          "/mnt/here",
	} {
		if _, at := table.below(dir); at != want {
			t.Errorf("below %s: %q, want %q", dir, at, want)
		}
	}
	// A disk on top of a share hides it.
	if kind, at := table[slices.IndexFunc(table, func(m mounted) bool { return m.kind == "cifs" }):][:2].below("/mnt"); kind != "" {
		t.Errorf("%s at %s", kind, at)
	}
}

func TestGarbage(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"", "\n", "-", " - ", "a - b", "1 2 3 4 5 6 7 8 9 10", "1 2 0:3 / /x rw shared:1", "1 2 0:3 / /x rw shared:1 -", "1 2 0:3 / /x rw -",
		"1 2 0:3 / - rw opt opt", "\x00\xff\x00", strings.Repeat("- ", 1000), "1 2 - / /x rw opt:1 opt:2 opt:3",
	} {
		if got := parse(s); len(got) != 0 {
			t.Errorf("%q: %v", s, got)
		}
	}
	for escaped, plain := range map[string]string{`\040`: " ", `\`: `\`, `\04`: `\04`, `\400`: `\400`, `\089`: `\089`, `\\040`: `\ `, `a\134040`: `a\040`} {
		if got := unescape(escaped); got != plain {
			t.Errorf("%q becomes %q, want %q", escaped, got, plain)
		}
	}
}

func TestKinds(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{
		"nfs", "nfs4", "cifs", "smb3", "smbfs", "afpfs", "webdav", "ceph", "9p", "lustre", "gfs2", "ocfs2", "cvfs", "virtiofs", "vboxsf", "drvfs",
		"fuse", "fuse.rclone", "fuse.sshfs", "fuse.glusterfs", "fuse.grpcfuse", "macfuse", "osxfuse", "fusefs_txantfs", "FUSE-rclone", "WinFsp",
	} {
		if !isRemote(kind) {
			t.Errorf("%s is on a disk of this machine", kind)
		}
	}
	for _, kind := range []string{"", "ext4", "xfs", "btrfs", "zfs", "overlay", "tmpfs", "fuseblk", "fuseblk.ntfs", "fusectl", "apfs", "hfs", "NTFS", "exFAT", "ReFS"} {
		if isRemote(kind) {
			t.Errorf("%s is not on a disk of this machine", kind)
		}
	}
}

// pod is what a container in Kubernetes sees, one volume of each sort.
const pod = `900 800 0:250 / / ro,relatime - overlay overlay ro,lowerdir=/l/A:/l/B,upperdir=/u,workdir=/w
901 900 0:251 / /proc rw - proc proc rw
902 900 0:252 / /dev rw - tmpfs tmpfs rw,size=65536k
910 900 259:3 / /block/ebs rw,relatime - ext4 /dev/nvme1n1 rw
911 900 8:32 /state /block/subpath rw,relatime - xfs /dev/sdc rw,attr2
912 900 252:16 / /block/longhorn rw,relatime - ext4 /dev/longhorn/pvc-1 rw
913 900 251:0 / /block/rbd rw,relatime - ext4 /dev/rbd0 rw,stripe=16
914 900 259:1 /var/lib/kubelet/pods/1/volumes/kubernetes.io~empty-dir/tmp /block/empty-dir rw - ext4 /dev/nvme0n1p1 rw
915 900 259:1 /opt/local-path-provisioner/pvc-2 /block/local-path rw - ext4 /dev/nvme0n1p1 rw
916 900 0:260 / /block/memory rw - tmpfs tmpfs rw
920 900 0:270 / /shared/efs rw,relatime - nfs4 127.0.0.1:/ rw,vers=4.1,proto=tcp,port=20049,addr=127.0.0.1
921 900 0:271 /pvc-3 /shared/nfs rw,relatime - nfs nas:/export rw,vers=3,nolock
922 900 0:272 / /shared/azure-files rw,relatime - cifs //x.file.core.windows.net/pvc-4 rw,vers=3.1.1,nobrl
923 900 0:273 /volumes/csi /shared/cephfs rw,relatime - ceph 10.0.0.1:6789:/volumes/csi rw
924 900 0:274 / /shared/ceph-fuse rw,relatime - fuse.ceph-fuse ceph-fuse rw
925 900 0:275 / /shared/gcs rw,relatime - fuse.gcsfuse bucket rw
926 900 0:276 / /shared/s3 rw,relatime - fuse mountpoint-s3 rw
927 900 0:277 / /shared/fsx rw,relatime - lustre 10.0.0.2@tcp:/x rw,flock
928 900 0:278 / /shared/gluster rw,relatime - fuse.glusterfs gluster:/vol rw
929 900 0:279 / /shared/longhorn-rwx rw,relatime - nfs4 10.43.0.9:/pvc-5 rw,vers=4.1
930 900 0:280 / /shared/kind-on-a-laptop rw,relatime - virtiofs share rw
931 900 0:281 / /shared/minikube rw,relatime - 9p 192.168.49.1 rw
`

// The volumes of Kubernetes that one machine alone has are taken, and those that several
// may have are not.
func TestVolumes(t *testing.T) {
	t.Parallel()
	tried := 0
	for _, m := range parse(pod) {
		shared, block := strings.HasPrefix(m.point, "/shared/"), strings.HasPrefix(m.point, "/block/")
		if !shared && !block {
			continue
		}
		tried++
		if kind := parse(pod).kind(m.device, m.point+"/service.db"); isRemote(kind) != shared {
			t.Errorf("%s is on %s", m.point, kind)
		}
	}
	if tried != 19 {
		t.Errorf("%d volumes were tried", tried)
	}
}
