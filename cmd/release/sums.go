package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// sumsFile names the checksums of all that is published, as sha256sum --check reads them.
const sumsFile = "SHA256SUMS"

// sums writes the checksums of all files, in the order of their names.
func sums(_ context.Context, r *release) error {
	files, err := os.ReadDir(r.out)
	if err != nil {
		return err
	}
	return create(filepath.Join(r.out, sumsFile), func(w io.Writer) error {
		for _, f := range files {
			if f.Name() == sumsFile {
				continue
			}
			if !f.Type().IsRegular() {
				return fmt.Errorf("%s is not a file", f.Name())
			}
			sum := sha256.New()
			if err := copyFrom(sum, filepath.Join(r.out, f.Name())); err != nil {
				return err
			}
			fmt.Fprintf(w, "%x  %s\n", sum.Sum(nil), f.Name())
		}
		return nil
	})
}
