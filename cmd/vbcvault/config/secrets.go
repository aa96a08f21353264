package config

import (
	"reflect"
	"strings"
)

// Used is a secret with the key that it is for.
type Used struct {
	Key    string // as in accounts.acme.vbc.password; it may stand in defaults, as its line says
	Secret Secret
}

// Secrets are all that the file refers to, once for each account and each notifier that
// takes it, and for the page and the database.
func (c *Config) Secrets() (all []Used) {
	all = secretsIn(reflect.ValueOf(c.Database), "database")
	for _, a := range c.Accounts {
		key := "accounts." + a.Name
		all = append(all, secretsIn(reflect.ValueOf(a.VBC), key+".vbc")...)
		all = append(all, secretsIn(reflect.ValueOf(a.S3), key+".s3")...)
		if !a.Signing.IsZero() {
			all = append(all, Used{key + ".signing-key", a.Signing})
		}
	}
	for _, n := range c.Notify {
		all = append(all, secretsIn(reflect.ValueOf(n), "notify."+n.Name)...)
	}
	return append(all, secretsIn(reflect.ValueOf(c.Web), "web")...)
}

// secretsIn are the secrets of a struct and of those in it.
func secretsIn(v reflect.Value, key string) (all []Used) {
	for i := range v.NumField() {
		f, of := v.Field(i), v.Type().Field(i)
		name, _, _ := strings.Cut(of.Tag.Get("json"), ",")
		if f.Kind() == reflect.Pointer && f.Type().Elem().Kind() == reflect.Struct && !f.IsNil() {
			f = f.Elem()
		}
		if s, ok := f.Interface().(Secret); ok {
			if !s.IsZero() {
				all = append(all, Used{key + "." + name, s})
			}
		} else if f.Kind() == reflect.Struct {
			all = append(all, secretsIn(f, key+"."+name)...)
		}
	}
	return all
}
