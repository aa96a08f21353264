package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/CycloneDX/cyclonedx-gomod/pkg/generate/bin"
	"github.com/CycloneDX/cyclonedx-gomod/pkg/licensedetect/local"
	"github.com/rs/zerolog"
)

// boms writes a bill of materials for each target, in CycloneDX: the modules that the
// binary itself says it has, Go, and under which licence each is.
func boms(_ context.Context, r *release) error {
	for _, t := range r.targets {
		bom, err := billOf(r.binary(t), "v"+r.version.semver)
		if err != nil {
			return fmt.Errorf("%s: %w", t, err)
		}
		err = create(filepath.Join(r.out, r.name(t)+".cdx.json"), func(w io.Writer) error {
			e := cdx.NewBOMEncoder(w, cdx.BOMFileFormatJSON)
			return e.SetPretty(true).SetEscapeHTML(false).Encode(bom)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func billOf(binary, version string) (*cdx.BOM, error) {
	g, err := bin.NewGenerator(binary, bin.WithIncludeStdlib(true), bin.WithVersionOverride(version),
		bin.WithLicenseDetector(local.NewDetector(zerolog.Nop())), bin.WithLogger(zerolog.Nop()))
	if err != nil {
		return nil, err
	}
	return g.Generate()
}
