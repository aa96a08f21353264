package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
)

// validator is what editors do with the schema.
func validator(t *testing.T) (validate func(text string) error, schema map[string]any) {
	t.Helper()
	text, err := config.Schema(schemaFlags)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("vbcvault.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("vbcvault.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return func(text string) error {
		var v any
		if err := yaml.Unmarshal([]byte(text), &v); err != nil {
			return fmt.Errorf("no YAML: %w", err)
		}
		b, err := json.Marshal(v) // dates are texts for editors
		if err != nil {
			return err
		}
		v, err = jsonschema.UnmarshalJSON(strings.NewReader(dates.ReplaceAllString(string(b), `"$1"`)))
		if err != nil {
			return err
		}
		return compiled.Validate(v)
	}, doc.(map[string]any)
}

// dates are what this YAML library makes of dates, and others don't.
var dates = regexp.MustCompile(`"([0-9]{4}-[0-9]{2}-[0-9]{2})T00:00:00Z"`)

func configPage(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("topics/config.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// What the page on the page says to write is read too, below an account.
func TestWebPagesFilesAreRead(t *testing.T) {
	t.Parallel()
	validate, _ := validator(t)
	b, err := os.ReadFile("topics/web.md")
	if err != nil {
		t.Fatal(err)
	}
	files := regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$").FindAllStringSubmatch(string(b), -1)
	if len(files) != 3 {
		t.Errorf("%d files", len(files))
	}
	for _, m := range files {
		text := "accounts:\n  acme:\n    to: s3://bucket/recordings\n    older-than: 90d\n    vbc: {username: admin, password: {env: P}, client-id: c, client-secret: {env: S}}\n" + m[1]
		if _, err := config.Parse(filepath.Join(t.TempDir(), "vbcvault.yaml"), []byte(text), configFlags); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
		if err := validate(text); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
	}
}

// The files on the page are read, and editors find nothing wrong with them.
func TestConfigPagesFilesAreRead(t *testing.T) {
	t.Parallel()
	validate, _ := validator(t)
	files := regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$").FindAllStringSubmatch(configPage(t), -1)
	if len(files) < 2 {
		t.Fatalf("%d files", len(files))
	}
	for _, m := range files {
		c, err := config.Parse(filepath.Join(t.TempDir(), "vbcvault.yaml"), []byte(m[1]), configFlags)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate(m[1]); err != nil {
			t.Errorf("%v\n%s", err, m[1])
		}
		for _, a := range accountsOf(c) {
			mustMakeJob(t, a)
		}
	}
}

// mustMakeJob makes an account's run ready without its secrets.
func mustMakeJob(t *testing.T, a configured) {
	t.Helper()
	f, flags, err := a.flags()
	if err == nil {
		around := a.around(t.Context())
		around.setting = a.withoutSecrets(around.setting)
		_, err = f.job(time.Now(), flags.Changed, around)
	}
	if err != nil {
		t.Errorf("account %s: %v", a.Name, err)
	}
}

// within are files that lack nothing but the keys of one section, which are indented.
var within = map[string]struct {
	def, file string // of the schema
}{
	"## Keys at the top": {def: "", file: "%s"},
	"## Keys of an account, a destination and defaults": {def: "account", file: "defaults:\n  older-than: 90d\n  delete: true\ndestinations: {main: {to: 's3://bucket/x'}}\naccounts:\n  acme:\n    %s\n"},
	"## Keys of vbc":              {def: "VBC", file: "accounts:\n  acme:\n    to: s3://bucket/x\n    older-than: 90d\n    vbc:\n      %s\n"},
	"## Keys of s3":               {def: "S3", file: "accounts:\n  acme:\n    s3:\n      %s\n"},
	"## Keys of schedule":         {def: "Schedule", file: "accounts:\n  acme:\n    schedule:\n      %s\n"},
	"## Keys of database":         {def: "Database", file: "database:\n  %s\n"},
	"## Keys of service":          {def: "Service", file: "service:\n  %s\n"},
	"## Keys of a notifier":       {def: "Notifier", file: "notify:\n  x:\n    %s\n"},
	"## Keys of webhook":          {def: "Webhook", file: "notify:\n  x:\n    webhook:\n      %s\n"},
	"## Keys of email":            {def: "Email", file: "notify:\n  x:\n    email:\n      %s\n"},
	"## Keys of healthchecks":     {def: "Healthchecks", file: "notify:\n  x:\n    healthchecks:\n      %s\n"},
	"## Keys of web":              {def: "Web", file: "web:\n  %s\n"},
	"## Keys of tls below web":    {def: "WebTLS", file: "web:\n  tls:\n    %s\n"},
	"## Keys of a role below web": {def: "WebRole", file: "web:\n  roles:\n    x:\n      %s\n"},
	"## Keys of oidc below web":   {def: "OIDC", file: "web:\n  url: https://calls.example.com\n  oidc:\n    %s\n"},
	"## Keys of report":           {def: "Report", file: "notify: {mail: {command: [page]}}\nreport:\n  %s\n"},
}

// complete adds what else a file needs, key by key, unless it is there.
func complete(t *testing.T, text string) string {
	t.Helper()
	var doc map[string]any
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	add := func(to map[string]any, key string, value any) {
		if to[key] == nil {
			to[key] = value
		}
	}
	in := func(to map[string]any, key string) map[string]any {
		add(to, key, map[string]any{})
		return to[key].(map[string]any)
	}
	acme := in(in(doc, "accounts"), "acme")
	if d, ok := doc["defaults"].(map[string]any); !ok || d["older-than"] == nil {
		add(acme, "older-than", "90d")
	}
	if doc["database"] != nil { // which holds no key
		add(in(doc, "database"), "url", "postgres://vbcvault@db.example.com/vbcvault")
		add(acme, "signing-key", map[string]any{"env": "KEY"})
	}
	if acme["destination"] == nil {
		add(acme, "to", "s3://bucket/x")
	}
	vbc := in(acme, "vbc")
	for key, value := range map[string]any{"username": "bot", "password": map[string]any{"env": "P"}, "client-id": "app", "client-secret": map[string]any{"env": "S"}} {
		add(vbc, key, value)
	}
	if n, ok := doc["notify"].(map[string]any); ok {
		if x, ok := n["x"].(map[string]any); ok && x["email"] != nil {
			email := x["email"].(map[string]any)
			add(email, "host", "localhost:25")
			add(email, "from", "a@b.c")
			add(email, "to", "a@b.c")
		}
	}
	if w, ok := doc["web"].(map[string]any); ok {
		if o, ok := w["oidc"].(map[string]any); ok {
			for key, value := range map[string]any{"issuer": "https://login.example.com", "client-id": "x", "claim": "groups", "roles": map[string]any{"g": "auditor"}} {
				add(o, key, value)
			}
		}
	}
	whole, err := yaml.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return string(whole)
}

// The page has every key, each with an example that is read, that editors find nothing
// wrong with, and that a run can be made of.
func TestConfigPageHasEveryKey(t *testing.T) {
	t.Parallel()
	validate, schema := validator(t)
	text := configPage(t)
	row := regexp.MustCompile("(?m)^\\| `([a-z0-9_-]+)` \\| (.*?) \\| .{4,} \\|$")
	for heading, section := range within {
		properties := schema["properties"]
		if section.def != "" {
			properties = schema["$defs"].(map[string]any)[section.def].(map[string]any)["properties"]
		}
		_, rest, ok := strings.Cut(text, heading+"\n")
		if !ok {
			t.Fatalf("there is no %s", heading)
		}
		rest, _, _ = strings.Cut(rest, "\n## ")
		examples := map[string]string{}
		for _, m := range row.FindAllStringSubmatch(rest, -1) {
			examples[m[1]] = m[2]
			if _, known := properties.(map[string]any)[m[1]]; !known {
				t.Errorf("%s: there is no key %s", heading, m[1])
			}
		}
		for key := range properties.(map[string]any) {
			example := examples[key]
			if example == "" {
				t.Errorf("%s lacks %s", heading, key)
				continue
			}
			if key == "accounts" && section.def == "" {
				continue // TestConfigPagesFilesAreRead has read them
			}
			var lines []string
			for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(example, -1) {
				lines = append(lines, m[1])
			}
			if !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, key+": ") }) {
				t.Errorf("%s: the example of %s is %q", heading, key, example)
				continue
			}
			indent := regexp.MustCompile(`(?m)^( *)%s`).FindStringSubmatch(section.file)[1]
			file := complete(t, strings.Replace(section.file, "%s", strings.Join(lines, "\n"+indent), 1))
			c, err := config.Parse(filepath.Join(t.TempDir(), "vbcvault.yaml"), []byte(file), configFlags)
			if err != nil {
				t.Errorf("%s: %v\n%s", key, err, file)
				continue
			}
			if err := validate(file); err != nil {
				t.Errorf("%s: %v\n%s", key, err, file)
			}
			if key == "spool-dir" { // which must exist
				continue
			}
			for _, a := range accountsOf(c) {
				mustMakeJob(t, a)
			}
		}
	}
	if len(within) != len(schema["$defs"].(map[string]any))-1 { // defaults and destinations have the account's keys
		t.Errorf("the schema has %d definitions, and the page %d sections", len(schema["$defs"].(map[string]any)), len(within))
	}
}

// Each flag of archive is a key or is refused with a reason, and the page says which are
// refused; no flag has the name of a key.
func TestFlagsAreKeysOrRefused(t *testing.T) {
	t.Parallel()
	_, schema := validator(t)
	keys := schema["$defs"].(map[string]any)["account"].(map[string]any)["properties"].(map[string]any)
	text := configPage(t)
	n := 0
	configFlags().VisitAll(func(f *pflag.Flag) {
		n++
		_, key := keys[f.Name]
		why := config.Refused(f.Name)
		if key == (why != "") {
			t.Errorf("--%s is a key: %v; refused: %q", f.Name, key, why)
		}
		if why != "" && !strings.Contains(text, "`--"+f.Name+"`") {
			t.Errorf("the page doesn't say that --%s is refused", f.Name)
		}
		if slices.Contains([]string{"vbc", "s3", "schedule", "destination", "signing-key"}, f.Name) {
			t.Errorf("--%s has the name of a key", f.Name)
		}
	})
	for _, once := range []string{"dry-run", "plan", "confirm-plan", "full-scan", "retry-failed", "moved", "trust-archive"} {
		if config.Refused(once) == "" {
			t.Errorf("--%s is for one run by hand, and a file may set it", once)
		}
	}
	if n < 40 {
		t.Errorf("only %d flags", n)
	}
}
