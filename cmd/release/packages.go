package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/goreleaser/nfpm/v2"
	"github.com/goreleaser/nfpm/v2/deb"
	"github.com/goreleaser/nfpm/v2/files"
	"github.com/goreleaser/nfpm/v2/rpm"
)

const (
	unitDir    = "/usr/lib/systemd/system/"
	maintainer = "vbcvault maintainers <maintainers@vbcvault.invalid>"
	homepage   = "https://github.com/vbcvault/vbcvault"
	about      = `archive VBC call recordings in S3, deleted only once proven
vbcvault moves call recordings out of Vonage Business Communications (VBC)
into S3 or into a directory. It deletes a recording at VBC only when the
destination itself has just confirmed the copy. It resumes after any
interruption, keeps receipts of each deletion, and has a page on which
people find calls, hear them, hold them and hand them over.`
)

// packages makes a deb and an rpm for each architecture of Linux.
func packages(_ context.Context, r *release) error {
	for _, t := range r.targets {
		if t.os != "linux" {
			continue
		}
		for _, make := range []func(*release, target) (string, error){makeDeb, makeRPM} {
			if name, err := make(r, t); err != nil {
				return fmt.Errorf("package for %s: %w", t, err)
			} else if _, err := fmt.Fprintln(r.log, " ", name); err != nil {
				return err
			}
		}
	}
	return nil
}

// info is what both kinds have in common.
func (r *release) info(t target) *nfpm.Info {
	return &nfpm.Info{
		Name: "vbcvault", Arch: t.arch, Platform: t.os, Version: r.version.packaged(), VersionSchema: "none", Release: "1",
		Section: "utils", Priority: "optional", Maintainer: maintainer, Homepage: homepage,
		Description: about, License: "Apache-2.0", MTime: r.time, DisableGlobbing: true,
	}
}

func makeDeb(r *release, t target) (string, error) {
	p := &parcel{release: r, kind: "deb"}
	p.all(t, "root", files.TypeFile)
	p.add("/usr/share/doc/vbcvault/copyright", p.source("copyright"), 0o644)
	p.add("/usr/share/lintian/overrides/vbcvault", p.source("lintian-overrides"), 0o644)
	p.share(files.TypeFile, "zsh", "/usr/share/zsh")
	info := r.info(t)
	info.Changelog = p.changelog()
	info.Depends = []string{"passwd"}
	info.Recommends = []string{"ca-certificates", "systemd"}
	info.Scripts = nfpm.Scripts{PostInstall: p.source("deb/postinst"), PreRemove: p.source("deb/prerm"), PostRemove: p.source("deb/postrm")}
	return p.write(info, deb.Default)
}

func makeRPM(r *release, t target) (string, error) {
	p := &parcel{release: r, kind: "rpm"}
	p.all(t, "vbcvault", files.TypeRPMDoc)
	p.typed(files.TypeRPMLicense, "/usr/share/licenses/vbcvault/LICENSE", filepath.Join(r.root, "LICENSE"), 0o644)
	p.share(files.TypeFile, "zsh/vendor-completions", "/usr/share/zsh/site-functions")
	info := r.info(t)
	info.Changelog = p.changelog()
	info.Depends = []string{"/usr/sbin/useradd", "/usr/sbin/groupadd"}
	info.Recommends = []string{"ca-certificates"}
	info.RPM.BuildHost, info.RPM.Group = "localhost", "Applications/Archiving"
	info.RPM.Summary = "Archive VBC call recordings in S3, deleted only once proven"
	_, info.Description, _ = strings.Cut(about, "\n")
	info.Scripts = nfpm.Scripts{PreInstall: p.source("rpm/pre"), PostInstall: p.source("rpm/post"), PreRemove: p.source("rpm/preun"), PostRemove: p.source("rpm/postun")}
	return p.write(info, rpm.DefaultRPM)
}

// parcel gathers the files of a package.
type parcel struct {
	*release
	kind  string // deb or rpm
	files files.Contents
	err   error
}

// source is the path of a file of the directory packaging.
func (p *parcel) source(name string) string {
	return filepath.Join(p.root, "cmd", "release", "packaging", filepath.FromSlash(name))
}

func (p *parcel) add(to, from string, mode fs.FileMode) { p.typed(files.TypeFile, to, from, mode) }

func (p *parcel) typed(kind, to, from string, mode fs.FileMode) {
	p.files = append(p.files, &files.Content{Source: from, Destination: to, Type: kind, FileInfo: &files.ContentFileInfo{Owner: "root", Group: "root", Mode: mode, MTime: p.time}})
}

// owned is as typed, for what the program's user may read. The deb's postinst gives it to
// its group, since dpkg unpacks before there is one.
func (p *parcel) owned(kind, to, from string, mode fs.FileMode, group string) {
	p.typed(kind, to, from, mode)
	p.files[len(p.files)-1].FileInfo.Group = group
}

// all adds what both kinds have, at the same places: group is that of the program's user,
// doc what documentation is called.
func (p *parcel) all(t target, group, doc string) {
	p.add("/usr/bin/vbcvault", p.binary(t), 0o755)
	for _, unit := range []string{"vbcvault.service", "vbcvault-archive@.service", "vbcvault-archive@.timer"} {
		p.add(unitDir+unit, p.source(unit), 0o644)
	}
	p.typed(files.TypeDir, "/etc/vbcvault", "", 0o755)
	p.typed(files.TypeDir, "/etc/vbcvault/archive", "", 0o755)
	p.owned(files.TypeDir, "/etc/vbcvault/secrets", "", 0o2750, group)
	p.owned(files.TypeConfigNoReplace, "/etc/vbcvault/config.yaml", p.source("config.yaml"), 0o640, group)
	p.typed(doc, "/usr/share/doc/vbcvault/examples/archive.env", p.source("archive.env"), 0o644)
	p.typed(doc, "/usr/share/doc/vbcvault/changelog.gz", p.zipped(filepath.Join(p.root, ".github", "CHANGELOG.md")), 0o644)
	p.share(doc, "man", "/usr/share/man")
	p.share(files.TypeFile, "bash-completion", "/usr/share/bash-completion")
	p.share(files.TypeFile, "fish", "/usr/share/fish")
}

// share adds what the step of the same name has made below a directory. Manual pages are
// compressed.
func (p *parcel) share(kind, of, to string) {
	from := filepath.Join(p.release.share(), filepath.FromSlash(of))
	p.note(filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		name = to + "/" + filepath.ToSlash(name)
		if of == "man" {
			name, path = name+".gz", p.zipped(path)
		}
		p.typed(kind, name, path, 0o644)
		return nil
	}))
}

// zipped is the path of a compressed copy of a file. Neither name nor time is in it.
func (p *parcel) zipped(path string) string {
	content, err := os.ReadFile(path)
	p.note(err)
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	p.note(err)
	_, err = z.Write(content)
	p.note(err)
	p.note(z.Close())
	return p.made(filepath.Base(path)+".gz", b.Bytes())
}

// made writes a file of the package that is in no repository.
func (p *parcel) made(name string, content []byte) string {
	path := filepath.Join(p.work, "packages", p.kind, p.version.packaged(), name)
	p.note(os.MkdirAll(filepath.Dir(path), 0o750))
	p.note(os.WriteFile(path, content, 0o600))
	return path
}

// changelog is the path of the changelog in nfpm's form: that of the package, which says
// no more than which version it has. What users notice is in changelog.gz.
func (p *parcel) changelog() string {
	return p.made("changelog.yaml", fmt.Appendf(nil, "- semver: %s-1\n  date: %s\n  packager: %s\n  deb: {urgency: medium, distributions: [unstable]}\n  changes:\n    - {note: \"Version %s; see changelog.gz\"}\n",
		p.version.packaged(), p.time.Format("2006-01-02T15:04:05Z"), maintainer, p.version))
}

func (p *parcel) note(err error) {
	if p.err == nil {
		p.err = err
	}
}

// write makes the package. Its name is as the distributions have it.
func (p *parcel) write(info *nfpm.Info, as nfpm.Packager) (name string, err error) {
	if p.err != nil {
		return "", p.err
	}
	info.Contents = p.files
	name = as.ConventionalFileName(info)
	f, err := os.Create(filepath.Join(p.out, name))
	if err != nil {
		return "", err
	}
	if err := as.Package(info, f); err != nil {
		f.Close()
		return "", err
	}
	return name, f.Close()
}
