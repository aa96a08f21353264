package main

import (
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
)

func newConfig(s streams) *cobra.Command {
	return parent("config", "Check or make a configuration file, or print its schema", `A configuration file has the settings of one account or of hundreds, for serve,
for web, and for archive --config. These commands make one, check it, and print
its schema for editors.`, newConfigCheck(s), newConfigInit(s), newConfigSchema(s))
}

func newConfigSchema(s streams) *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of the configuration file, for editors",
		Long: `Schema prints a JSON Schema (draft 2020-12) of the configuration file. Editors
that know it complete keys, show what each is for, and mark mistakes. Save it
beside the file, and name it in the file's first line:
  # yaml-language-server: $schema=vbcvault.schema.json

vbcvault config check finds more than a schema can.`,
		Example: `  vbcvault config schema > vbcvault.schema.json`,
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			schema, err := config.Schema(schemaFlags)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(s.out, "%s\n", schema)
			return err
		},
	}
}

// Forms of what flags take, as schemas have them.
const (
	agePattern    = `^([0-9]+(y|w|d|h|s|ms))+$`
	momentPattern = `^[0-9]{4}-[0-9]{2}-[0-9]{2}(T.+)?$`
)

// schemaFlags are the flags of archive, with what they take.
func schemaFlags() *pflag.FlagSet {
	fs := configFlags()
	note := func(annotation string, values []string, names ...string) {
		for _, name := range names {
			if err := fs.SetAnnotation(name, annotation, values); err != nil {
				panic(err) // there is no such flag: the tests would know
			}
		}
	}
	note(config.Pattern, []string{agePattern}, "older-than", "delete-after", "full-scan-every")
	note(config.Pattern, []string{momentPattern}, "before", "since")
	note(config.Pattern, []string{`^(s3|file)://`}, "to")
	note(config.Pattern, []string{`^[0-9]+/(s|m|h)$`}, "rate")
	note(config.Pattern, []string{period.String()}, "retain")
	note(config.Pattern, []string{"="}, "tag")
	note(config.Words, []string{"company", "on-demand"}, "kind")
	note(config.Words, slices.Sorted(maps.Keys(directions)), "direction")
	note(config.Words, slices.Sorted(maps.Keys(lockModes)), "object-lock")
	note(config.Words, []string{"aws:kms", "aws:kms:dsse", "AES256"}, "sse")
	var classes []string
	for _, c := range types.StorageClass("").Values() {
		classes = append(classes, string(c))
	}
	note(config.Words, classes, "storage-class")
	fs.VisitAll(func(f *pflag.Flag) {
		if o, ok := f.Value.(*oneOf); ok {
			note(config.Words, slices.DeleteFunc(slices.Clone(o.allowed), func(a string) bool { return a == "" }), f.Name)
		}
	})
	return fs
}
