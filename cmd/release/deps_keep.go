package main

import (
	_ "github.com/CycloneDX/cyclonedx-go"
	_ "github.com/CycloneDX/cyclonedx-gomod/pkg/generate/bin"
	_ "github.com/google/go-containerregistry/pkg/registry"
	_ "github.com/google/go-containerregistry/pkg/v1/empty"
	_ "github.com/google/go-containerregistry/pkg/v1/layout"
	_ "github.com/google/go-containerregistry/pkg/v1/mutate"
	_ "github.com/google/go-containerregistry/pkg/v1/remote"
	_ "github.com/google/go-containerregistry/pkg/v1/tarball"
	_ "github.com/google/go-containerregistry/pkg/v1/validate"
	_ "github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/deb"
	_ "github.com/goreleaser/nfpm/v2/rpm"
	_ "github.com/hashicorp/hcl/v2/hclparse"
	_ "go.yaml.in/yaml/v3"
	_ "golang.org/x/crypto/x509roots/fallback/bundle"
	_ "golang.org/x/mod/semver"
)
