package config

import (
	"reflect"

	"go.yaml.in/yaml/v3"
)

// flagged reads true or false.
func (r *reader) flagged(v reflect.Value, n *yaml.Node, at place) {
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" {
		r.wrong(at, "write true or false, without quotes", "want true or false, not %s", kindOf(n))
		return
	}
	v.SetBool(n.Value[0] == 't' || n.Value[0] == 'T')
}

// claimRoles reads a mapping from values of a claim, which may be any text, to names of
// roles.
func (r *reader) claimRoles(n *yaml.Node, at place) (all ClaimRoles) {
	if n.Kind != yaml.MappingNode {
		r.wrong(at, "write each value with its role below it, indented, as in call-auditors: auditor", "want values with their roles, not %s", kindOf(n))
		return nil
	}
	for key, value := range r.pairs(n, at) {
		in := placeOf(key, at.in(key.Value))
		r.places[in.key] = in
		if role, ok := r.text(value, in); ok {
			all = append(all, ClaimRole{Value: key.Value, Role: role, Line: in.line})
		}
	}
	return all
}
