package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const (
	// imageName is where the image is published, without a tag.
	imageName = "ghcr.io/vbcvault/vbcvault"
	// imageUser is who runs in the image: nobody of the machine.
	imageUser  = 65532
	imageState = "/var/lib/vbcvault"
)

// imageFile is the image for all architectures, one file that registries and engines
// take; see imagetar.go.
func (r *release) imageFile() string {
	return filepath.Join(r.out, "vbcvault_"+r.version.String()+"_image.tar")
}

// tag is the version as the tag of an image, which has no +.
func (r imaging) tag() string { return strings.ReplaceAll(r.version.String(), "+", "_") }

// makeImage writes imageFile. It takes no container engine and no base image: the
// program needs no system around it, only what imageSystem has.
func makeImage(_ context.Context, made *release) error {
	r := imaging{made}
	images, err := r.images()
	if err != nil {
		return err
	}
	return r.write(images)
}

// imaging makes the image of a release.
type imaging struct{ *release }

// platformImage is the image of one architecture.
type platformImage struct {
	v1.Image
	platform v1.Platform
}

// images makes an image for each Linux of the targets.
func (r imaging) images() (all []platformImage, err error) {
	system, err := r.systemLayer()
	if err != nil {
		return nil, fmt.Errorf("make the layer of the system: %w", err)
	}
	for _, t := range r.targets {
		if t.os != "linux" {
			continue
		}
		img := platformImage{platform: v1.Platform{OS: t.os, Architecture: t.arch}}
		if img.Image, err = r.image(t, system); err != nil {
			return nil, fmt.Errorf("make the image for %s: %w", t, err)
		}
		all = append(all, img)
	}
	if len(all) == 0 {
		return nil, errors.New("an image takes a binary for Linux, and there is none among the targets")
	}
	return all, nil
}

func (r imaging) image(t target, system v1.Layer) (v1.Image, error) {
	binary, err := os.ReadFile(r.binary(t))
	if err != nil {
		return nil, err
	}
	program, err := r.layer([]imageEntry{{name: "usr/bin/vbcvault", mode: 0o755, content: binary}})
	if err != nil {
		return nil, err
	}
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	img, err = mutate.ConfigFile(img, &v1.ConfigFile{
		Created: v1.Time{Time: r.time}, OS: t.os, Architecture: t.arch,
		RootFS: v1.RootFS{Type: "layers"},
		Config: v1.Config{
			User:       fmt.Sprintf("%d:%d", imageUser, imageUser),
			Entrypoint: []string{"/usr/bin/vbcvault"},
			Env:        []string{"PATH=/usr/bin", "VBCVAULT_STATE_DIR=" + imageState},
			WorkingDir: "/",
			Volumes:    map[string]struct{}{imageState: {}}, // else the manifest would go with the container
			StopSignal: "SIGTERM",
			Labels:     r.labels(),
		},
	})
	if err != nil {
		return nil, err
	}
	return mutate.Append(img,
		mutate.Addendum{Layer: system, History: r.madeBy("CA certificates, users, directories")},
		mutate.Addendum{Layer: program, History: r.madeBy("vbcvault " + r.version.String())})
}

func (r imaging) madeBy(what string) v1.History {
	return v1.History{Created: v1.Time{Time: r.time}, CreatedBy: "cmd/release", Comment: what}
}

// labels say what the image is; the keys are those of the image specification.
func (r imaging) labels() map[string]string {
	const of = "org.opencontainers.image."
	return map[string]string{
		of + "title":         "vbcvault",
		of + "description":   "Moves call recordings of Vonage Business Communications into S3",
		of + "url":           homepage,
		of + "source":        homepage,
		of + "documentation": homepage + "#readme",
		of + "version":       r.version.String(),
		of + "revision":      r.commit,
		of + "created":       r.time.UTC().Format(time.RFC3339),
		of + "licenses":      "Apache-2.0",
	}
}
