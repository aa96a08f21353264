package config

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/invopop/jsonschema"
	"github.com/spf13/pflag"
)

// Annotations of flags that say more to editors than their types do.
const (
	Words   = "vbcvault-words"   // the words that it takes
	Pattern = "vbcvault-pattern" // the form of what it takes, a regular expression
)

const (
	cronPattern = `^$|^\s*[^@\s]\S*(\s+\S+){4}\s*$`
	pathPattern = `^([A-Za-z]:)?[/\\]|^\.\.?([/\\]|$)`
	// A user may stand before the @, and no password.
	databasePattern = `^postgres(ql)?://([^:/?#@]*@)?[^@]*$`
	spanPattern     = `^([0-9]+(\.[0-9]+)?(h|m|s))+$`
)

// forms are the patterns of fields, by what they are.
var forms = map[string]string{
	"cron": cronPattern, "path": pathPattern, "url": `^https?://[^@?#]+$`, "database": databasePattern, "sample": `^[0-9]{1,6}/[0-9]{1,6}$`,
	"age": `^([0-9]+y)?([0-9]+w)?([0-9]+d)?([0-9]+h)?$`, "network": `^[0-9a-fA-F.:/]+$`, "listen": `:[0-9]{1,5}$`, "hostport": `.:[0-9]{1,5}$`, "mail": `@`,
}

// Schema is a JSON Schema (draft 2020-12) of the file, for editors: it knows each key,
// says what it is for, and refuses what it can. Load refuses more.
func Schema(flags func() *pflag.FlagSet) ([]byte, error) {
	r := jsonschema.Reflector{Anonymous: true, ExpandedStruct: true, Mapper: leaf}
	s := r.Reflect(file{})
	s.Title = "vbcvault configuration"
	s.Description = "accounts, where their recordings go, when, and who is told; see vbcvault help config"
	known := &reader{known: flags()}
	described(s, reflect.TypeFor[file]())
	for _, t := range []reflect.Type{
		reflect.TypeFor[defaults](), reflect.TypeFor[target](), reflect.TypeFor[account](), reflect.TypeFor[VBC](), reflect.TypeFor[S3](), reflect.TypeFor[Schedule](),
		reflect.TypeFor[Database](), reflect.TypeFor[Service](), reflect.TypeFor[Notifier](), reflect.TypeFor[Webhook](), reflect.TypeFor[Email](), reflect.TypeFor[Healthchecks](), reflect.TypeFor[Report](), reflect.TypeFor[Web](), reflect.TypeFor[WebTLS](), reflect.TypeFor[WebRole](), reflect.TypeFor[OIDC](),
	} {
		def := s.Definitions[t.Name()]
		if def == nil {
			return nil, fmt.Errorf("schema of the configuration: %s is not in it", t.Name())
		}
		described(def, t)
		if _, ok := reflect.New(t).Interface().(sectional); ok {
			known.addFlags(def, t)
		}
	}
	var ways []*jsonschema.Schema
	for _, way := range []string{"webhook", "email", "command", "healthchecks"} {
		ways = append(ways, &jsonschema.Schema{Required: []string{way}})
	}
	s.Definitions["Notifier"].OneOf = ways
	for _, of := range []string{"destinations", "accounts", "notify"} {
		p, _ := s.Properties.Get(of)
		p.PropertyNames = &jsonschema.Schema{Pattern: names.String()}
	}
	accounts, _ := s.Properties.Get("accounts")
	one := uint64(1)
	accounts.MinProperties = &one
	return json.MarshalIndent(s, "", "  ")
}

// leaf is the schema of types that are no mappings of the file's own.
func leaf(t reflect.Type) *jsonschema.Schema {
	switch t {
	case reflect.TypeFor[Secret]():
		return secretSchema()
	case spans:
		return &jsonschema.Schema{Type: "string", Pattern: spanPattern}
	case reflect.TypeFor[ClaimRoles]():
		return &jsonschema.Schema{Type: "object", AdditionalProperties: &jsonschema.Schema{Type: "string", MinLength: ptr(1)}, MinProperties: ptr(1)}
	case zones, zones.Elem():
		return &jsonschema.Schema{Type: "string", MinLength: ptr(1)}
	}
	return nil
}

func ptr(n uint64) *uint64 { return &n }

// secretSchema is a reference: a mapping with one key.
func secretSchema() *jsonschema.Schema {
	p := jsonschema.NewProperties()
	p.Set("env", &jsonschema.Schema{Type: "string", Pattern: variable.String(), Description: "name of the environment variable with the secret"})
	p.Set("file", &jsonschema.Schema{Type: "string", Pattern: pathPattern, Description: "path of the file with the secret; one newline at its end is not part of it"})
	p.Set("exec", &jsonschema.Schema{Type: "array", Items: &jsonschema.Schema{Type: "string"}, MinItems: ptr(1), Description: "program that prints the secret, with its arguments; run without a shell"})
	p.Set("aws_secret", &jsonschema.Schema{Type: "string", Pattern: `^arn:[^:]+:secretsmanager:[^:]+:[^:]*:secret:[^#]+(#.+)?$`, Description: "ARN of the secret in AWS Secrets Manager, and after # the key of the JSON in it"})
	p.Set("credential", &jsonschema.Schema{Type: "string", Pattern: credential.String(), Description: "name of a credential that systemd hands over, or of a file in " + SecretsDir})
	return &jsonschema.Schema{Type: "object", Properties: p, AdditionalProperties: jsonschema.FalseSchema, MinProperties: ptr(1), MaxProperties: ptr(1)}
}

// described adds to a mapping's schema what the tags of its type's fields say.
func described(s *jsonschema.Schema, t reflect.Type) {
	for name, f := range fieldsOf(t) {
		p, ok := s.Properties.Get(name)
		if !ok {
			continue
		}
		of := p
		if listed(f.Type) {
			of = p.Items
			p.MinItems = ptr(1)
		}
		is := f.Tag.Get("is")
		of.Pattern = forms[is]
		if some := words[is]; some != nil {
			of.Enum = anys(some)
		}
		if is != "argv" && listed(f.Type) { // one may stand without a list
			list := *p
			list.Description = ""
			s.Properties.Set(name, &jsonschema.Schema{Description: p.Description, AnyOf: []*jsonschema.Schema{of, &list}})
		}
	}
}

func anys(some []string) (all []any) {
	for _, s := range some {
		all = append(all, s)
	}
	return all
}

// addFlags adds the flags that a section takes.
func (r *reader) addFlags(s *jsonschema.Schema, t reflect.Type) {
	for _, name := range r.flagNames() {
		if ofOne[name] != "" && t != reflect.TypeFor[account]() {
			continue
		}
		s.Properties.Set(name, flagSchema(r.known.Lookup(name)))
	}
}

// flagSchema is the schema of what a flag takes.
func flagSchema(f *pflag.Flag) *jsonschema.Schema {
	what, usage := pflag.UnquoteUsage(f)
	s := &jsonschema.Schema{}
	one := &jsonschema.Schema{}
	switch words, pattern := f.Annotations[Words], f.Annotations[Pattern]; {
	case words != nil:
		one.Enum = anys(words)
	case pattern != nil:
		one.Type, one.Pattern = "string", pattern[0]
	case what == "FILE" || what == "DIR":
		one.Type, one.Pattern = "string", pathPattern
	case f.Value.Type() == "bool":
		one.Type = "boolean"
	case f.Value.Type() == "int":
		one.Type = "integer"
	default: // a number is taken as it is written, such as an extension's
		one.AnyOf = []*jsonschema.Schema{{Type: "string"}, {Type: "number"}}
	}
	*s = *one
	if _, list := f.Value.(pflag.SliceValue); list {
		if words := f.Annotations[Words]; words != nil { // in one text too, with commas between
			some := strings.Join(words, "|")
			one = &jsonschema.Schema{Type: "string", Pattern: "^(" + some + ")(,(" + some + "))*$"}
		}
		*s = jsonschema.Schema{AnyOf: []*jsonschema.Schema{one, {Type: "array", Items: one, MinItems: ptr(1)}}}
	}
	s.Description = usage
	return s
}

// listed reports whether values of a type are lists of texts.
func listed(t reflect.Type) bool {
	return t.Kind() == reflect.Slice && t != reflect.TypeFor[ClaimRoles]()
}
