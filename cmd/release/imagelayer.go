package main

import (
	"archive/tar"
	"bytes"
	"encoding/pem"
	"fmt"
	"io"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// imageEntry is a file or, with a name that ends in /, a directory of a layer.
type imageEntry struct {
	name    string // without a slash before it
	mode    int64
	owner   int // uid and gid
	content []byte
}

// imageSystem are all that the program needs of a system. Time zones are inside it.
// They are alike for all architectures, and for releases until the certificates
// change: whoever upgrades fetches the program alone.
func imageSystem() []imageEntry {
	user := fmt.Sprintf("vbcvault:x:%d:%d:vbcvault:%s:/sbin/nologin\n", imageUser, imageUser, imageState)
	return []imageEntry{
		{name: "etc/", mode: 0o755},
		{name: "etc/group", mode: 0o644, content: fmt.Appendf(nil, "root:x:0:\nvbcvault:x:%d:\n", imageUser)},
		{name: "etc/passwd", mode: 0o644, content: []byte("root:x:0:0:root:/:/sbin/nologin\n" + user)},
		{name: "etc/ssl/", mode: 0o755},
		{name: "etc/ssl/certs/", mode: 0o755},
		{name: "etc/ssl/certs/ca-certificates.crt", mode: 0o644, content: imageCertificates()},
		{name: "etc/vbcvault/", mode: 0o755},
		{name: "tmp/", mode: 0o1777},
		{name: "usr/", mode: 0o755},
		{name: "usr/bin/", mode: 0o755},
		{name: "var/", mode: 0o755},
		{name: "var/lib/", mode: 0o755},
		{name: strings.TrimPrefix(imageState, "/") + "/", mode: 0o700, owner: imageUser},
	}
}

// imageCertificates are the authorities that Mozilla's list trusts, in PEM. One that is
// trusted only for certificates of before some day is left out: PEM can't say that.
func imageCertificates() []byte {
	var b bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			_ = pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}) // a buffer takes all
		}
	}
	return b.Bytes()
}

func (r imaging) systemLayer() (v1.Layer, error) { return r.layer(imageSystem()) }

// layer has the files in their order, with the commit's time, and nothing of the
// machine that builds.
func (r imaging) layer(files []imageEntry) (v1.Layer, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		if err := r.add(w, f); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil }
	return tarball.LayerFromOpener(open, tarball.WithMediaType(types.OCILayer), tarball.WithCompressedCaching)
}

// add writes a file with its content.
func (r imaging) add(w *tar.Writer, f imageEntry) error {
	h := &tar.Header{Name: f.name, Mode: f.mode, Uid: f.owner, Gid: f.owner, ModTime: r.time, Size: int64(len(f.content)),
		Typeflag: tar.TypeReg, Format: tar.FormatUSTAR}
	if strings.HasSuffix(f.name, "/") {
		h.Typeflag = tar.TypeDir
	}
	if err := w.WriteHeader(h); err != nil {
		return fmt.Errorf("write %s: %w", f.name, err)
	}
	_, err := w.Write(f.content)
	return err
}
