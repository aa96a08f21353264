package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// index is the image for all architectures.
func (r imaging) index(images []platformImage) v1.ImageIndex {
	all := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, img := range images {
		all = mutate.AppendManifests(all, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &img.platform}})
	}
	return mutate.Annotations(all, r.labels()).(v1.ImageIndex)
}

// write writes imageFile, a tar that is two things at once, with the same blobs:
//
//   - an OCI layout, whose index.json names the index of all architectures. podman load,
//     skopeo, containerd, and docker load with its containerd store go by it, and crane
//     does once it is unpacked.
//   - what docker save writes: manifest.json names each architecture's image. A Docker
//     with its older store goes by that alone and knows no index, so each has a tag with
//     the architecture in it, as in 1.2.3-arm64: with one tag for both, the last would win.
func (r imaging) write(images []platformImage) (err error) {
	index := r.index(images)
	top, err := r.layoutIndex(index)
	if err != nil {
		return err
	}
	saved, err := r.dockerManifest(images)
	if err != nil {
		return err
	}
	f, err := os.Create(r.imageFile())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	a := &imageTar{r: r, tar: tar.NewWriter(f), has: map[v1.Hash]bool{}}
	for _, has := range []imageEntry{{name: "oci-layout", content: []byte(`{"imageLayoutVersion":"1.0.0"}`)}, {name: "index.json", content: top},
		{name: "manifest.json", content: saved}, {name: "blobs/"}, {name: "blobs/sha256/"}} {
		if has.mode = 0o644; has.content == nil {
			has.mode = 0o755
		}
		if err := r.add(a.tar, has); err != nil {
			return err
		}
	}
	if err := a.index(index); err != nil {
		return err
	}
	for _, img := range images {
		if err := a.image(img); err != nil {
			return err
		}
	}
	return a.tar.Close()
}

// layoutIndex is index.json. Tools read the tag out of one annotation or the other.
func (r imaging) layoutIndex(index v1.ImageIndex) ([]byte, error) {
	digest, err := index.Digest()
	if err != nil {
		return nil, err
	}
	size, err := index.Size()
	if err != nil {
		return nil, err
	}
	return json.Marshal(v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{{
		MediaType: types.OCIImageIndex, Digest: digest, Size: size,
		Annotations: map[string]string{
			"org.opencontainers.image.ref.name": r.tag(),
			"io.containerd.image.name":          imageName + ":" + r.tag(),
		},
	}}})
}

// dockerManifest is manifest.json.
func (r imaging) dockerManifest(images []platformImage) ([]byte, error) {
	type saved struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	var all []saved
	for _, img := range images {
		m, err := img.Manifest()
		if err != nil {
			return nil, err
		}
		s := saved{Config: imageBlob(m.Config.Digest), RepoTags: []string{imageName + ":" + r.tag() + "-" + img.platform.Architecture}}
		for _, l := range m.Layers {
			s.Layers = append(s.Layers, imageBlob(l.Digest))
		}
		all = append(all, s)
	}
	return json.Marshal(all)
}

// imageBlob is where the layout has what a digest names.
func imageBlob(h v1.Hash) string { return "blobs/" + h.Algorithm + "/" + h.Hex }

// imageTar is imageFile while it is written.
type imageTar struct {
	r   imaging
	tar *tar.Writer
	has map[v1.Hash]bool
}

// put writes a blob, unless it is there: architectures have layers in common.
func (a *imageTar) put(content []byte) error {
	h, _, err := v1.SHA256(bytes.NewReader(content))
	if err != nil || a.has[h] {
		return err
	}
	a.has[h] = true
	return a.r.add(a.tar, imageEntry{name: imageBlob(h), mode: 0o644, content: content})
}

func (a *imageTar) index(index v1.ImageIndex) error {
	m, err := index.RawManifest()
	if err != nil {
		return err
	}
	return a.put(m)
}

func (a *imageTar) image(img v1.Image) error {
	for _, raw := range []func() ([]byte, error){img.RawManifest, img.RawConfigFile} {
		b, err := raw()
		if err == nil {
			err = a.put(b)
		}
		if err != nil {
			return err
		}
	}
	layers, err := img.Layers()
	if err != nil {
		return err
	}
	for _, l := range layers {
		if err := a.layer(l); err != nil {
			return fmt.Errorf("write a layer: %w", err)
		}
	}
	return nil
}

func (a *imageTar) layer(l v1.Layer) error {
	content, err := l.Compressed()
	if err != nil {
		return err
	}
	defer content.Close()
	b, err := io.ReadAll(content)
	if err != nil {
		return err
	}
	return a.put(b)
}
