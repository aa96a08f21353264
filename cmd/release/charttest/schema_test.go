package charttest

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chartutil"
)

var update = flag.Bool("update", false,
	"write what is made of values.yaml and of vbcvault: values.schema.json, README.md and files/alerts.yaml of the chart")

// TestSchema holds the schema of the values to what they are made of: below config it is
// vbcvault's own schema, so that Helm refuses a misspelt key before anything is
// installed, and each value is described as values.yaml describes it.
func TestSchema(t *testing.T) {
	t.Parallel()
	path := filepath.Join(chartDir, "values.schema.json")
	is, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var schema map[string]any
	if err := json.Unmarshal(is, &schema); err != nil {
		t.Fatal(err)
	}
	addConfig(t, schema)
	for _, v := range valuesDescribed(t) {
		p := property(schema, v.path)
		if p == nil {
			t.Errorf("the schema has no %s, which values.yaml has", v.path)
			continue
		}
		p["description"] = v.what
	}
	var want bytes.Buffer
	e := json.NewEncoder(&want)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(schema); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(path, want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if !bytes.Equal(is, want.Bytes()) {
		t.Error("values.schema.json isn't what values.yaml and vbcvault config schema say: " + updating)
	}
}

// property is a value's schema, nil if it has none.
func property(schema map[string]any, path string) map[string]any {
	for key := range strings.SplitSeq(path, ".") {
		properties, _ := schema["properties"].(map[string]any)
		if schema, _ = properties[key].(map[string]any); schema == nil {
			return nil
		}
	}
	return schema
}

// addConfig puts vbcvault's schema of its configuration below config.
func addConfig(t *testing.T, schema map[string]any) {
	t.Helper()
	var own map[string]any
	if err := json.Unmarshal(printed(t, "config", "schema"), &own); err != nil {
		t.Fatal(err)
	}
	quoted(own)
	defs := own["$defs"].(map[string]any)
	// Helm reads YAML 1.1, in which the key on is true; the chart makes it on again.
	notifier := defs["Notifier"].(map[string]any)["properties"].(map[string]any)
	notifier["true"] = notifier["on"]
	schema["$defs"] = defs
	// Without accounts the chart says what to do, in words.
	config := property(schema, "config")
	for key := range config {
		delete(config, key)
	}
	properties := own["properties"].(map[string]any)
	delete(properties["accounts"].(map[string]any), "minProperties")
	config["type"], config["additionalProperties"], config["properties"] = "object", false, properties
}

// quoted has a schema take texts where vbcvault takes numbers as they are written:
// Helm reads a number, and an account's zero before it would be lost.
func quoted(schema any) {
	switch s := schema.(type) {
	case map[string]any:
		if of, _ := s["anyOf"].([]any); len(of) == 2 && typeOf(of[0]) == "string" && typeOf(of[1]) == "number" {
			delete(s, "anyOf")
			maps.Copy(s, of[0].(map[string]any))
		}
		for _, value := range s {
			quoted(value)
		}
	case []any:
		for _, value := range s {
			quoted(value)
		}
	}
}

func typeOf(schema any) any {
	s, _ := schema.(map[string]any)
	return s["type"]
}

// TestSchemaHasEveryValue sees that values.yaml and the schema have the same values: one
// that is only in the schema is in no manual.
func TestSchemaHasEveryValue(t *testing.T) {
	t.Parallel()
	c := loaded(t)
	var schema map[string]any
	if err := json.Unmarshal(c.Schema, &schema); err != nil {
		t.Fatal(err)
	}
	described := map[string]bool{}
	for _, v := range valuesDescribed(t) {
		described[v.path] = true
	}
	var walk func(at string, s map[string]any)
	walk = func(at string, s map[string]any) {
		properties, _ := s["properties"].(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(properties)) {
			path := strings.TrimPrefix(at+"."+key, ".")
			p := properties[key].(map[string]any)
			switch {
			case path == "global" || described[path]: // global is Helm's own
			case p["properties"] == nil:
				t.Errorf("values.yaml doesn't say what %s is", path)
			default:
				walk(path, p)
			}
		}
	}
	walk("", schema)
	if err := chartutil.ValidateAgainstSchema(c, c.Values); err != nil {
		t.Errorf("the values that the chart brings don't fit its own schema: %v", err)
	}
}
