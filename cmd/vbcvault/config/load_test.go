package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

// age is a flag that says how to mend what it doesn't take, as those of the program do.
type age struct{ pflag.Value }

type badAge struct{ text string }

func (e badAge) Error() string { return fmt.Sprintf("--older-than %q is not a duration", e.text) }
func (e badAge) Mend() string  { return "add a unit: 90d" }

func (a age) Set(s string) error {
	if !regexp.MustCompile(`^[0-9]+[dwy]$`).MatchString(s) {
		return badAge{s}
	}
	return a.Value.Set(s)
}

// someFlags are flags of each kind that vbcvault archive has.
func someFlags() *pflag.FlagSet {
	fs := pflag.NewFlagSet("archive", pflag.ContinueOnError)
	fs.String("older-than", "", "archive recordings older than `AGE`")
	fs.Lookup("older-than").Value = age{fs.Lookup("older-than").Value}
	fs.String("before", "", "`TIME`")
	fs.String("to", "", "`DESTINATION`")
	fs.String("account", "self", "`NUMBER`")
	fs.Bool("delete", false, "delete")
	fs.String("delete-after", "", "`AGE`")
	fs.Int("workers", 8, "`N`")
	fs.String("manifest", "", "`FILE`")
	fs.StringSlice("kind", nil, "`KIND`s")
	fs.StringArray("tag", nil, "`KEY=VALUE`")
	fs.Bool("dry-run", false, "show")
	fs.String("object-lock", "", "`MODE`")
	return fs
}

func parse(t *testing.T, text string) (*Config, error) {
	t.Helper()
	return Parse("/etc/vbcvault/vbcvault.yaml", []byte(text), someFlags)
}

const whole = `
state-dir: /var/lib/vbcvault
accounts-at-once: 3
defaults:
  older-than: 90d
  delete: true
  delete-after: 7d
  tag: [a=1, "b=2, 3"]
  vbc: {client-id: app, client-secret: {file: ./vbc-secret}}
  s3: {region: eu-west-1}
  schedule: {cron: "17 2 * * *", time-zone: Europe/Berlin, spread: 2h, verify: "0 5 * * 0"}
destinations:
  main:
    to: s3://acme/vbc
    object-lock: governance
    s3: {region: eu-central-1, access-key-id: {env: KEY}, secret-access-key: {exec: [pass, show, "s3 key"]}}
accounts:
  zeta:
    account: 0549825
    destination: main
    vbc: {username: archive.bot, password: {env: ZETA_PASSWORD}}
    before: 2026-08-01
    delete: false
  acme:
    to: s3://own/x
    kind: company,on-demand
    manifest: ./acme.manifest
    vbc: {username: bot, password: {aws_secret: "arn:aws:secretsmanager:eu-central-1:123456789012:secret:vbc-AbCdEf#acme"}, client-id: other}
    schedule: {cron: "", time-zone: UTC, sample: 1/7, backup: "0 6 * * *", backup-to: /backup}
service: {listen: "127.0.0.1:9180"}
notify:
  ops: {webhook: {url: {env: HOOK}, secret: {env: HOOK_KEY}, template: slack}, accounts: acme}
  mail: {on: always, email: {host: "mail.example.com:587", from: a@example.com, to: [b@example.com]}}
  hc: {healthchecks: {url: {env: HC}}}
report: {schedule: "0 7 1 * *", notify: [mail]}
`

// What is nearest to an account counts: flags whole, and vbc, s3 and schedule key by key.
func TestNearestCounts(t *testing.T) {
	t.Parallel()
	c, err := parse(t, whole)
	if err != nil {
		t.Fatal(err)
	}
	berlin, _ := time.LoadLocation("Europe/Berlin")
	flag := func(section, name, value string, line int) Flag {
		return Flag{Name: name, Value: value, Key: section + "." + name, Line: line}
	}
	client := Secret{File: filepath.FromSlash("/etc/vbcvault/vbc-secret"), Line: 9}
	want := &Config{
		Digest: c.Digest, // of whatever the file is
		Path:   "/etc/vbcvault/vbcvault.yaml", StateDir: "/var/lib/vbcvault", AccountsAtOnce: 3,
		Accounts: []Account{{
			Name: "zeta", Line: 18,
			Flags: []Flag{
				flag("accounts.zeta", "account", "0549825", 19), flag("accounts.zeta", "before", "2026-08-01", 22), flag("accounts.zeta", "delete", "false", 23),
				flag("destinations.main", "object-lock", "governance", 15), flag("defaults", "tag", "a=1", 8), flag("defaults", "tag", "b=2, 3", 8),
				flag("destinations.main", "to", "s3://acme/vbc", 14),
			},
			VBC:      VBC{Username: "archive.bot", Password: Secret{Env: "ZETA_PASSWORD", Line: 21}, ClientID: "app", ClientSecret: client},
			S3:       S3{Region: "eu-central-1", AccessKeyID: Secret{Env: "KEY", Line: 16}, SecretAccessKey: Secret{Exec: []string{"pass", "show", "s3 key"}, Line: 16}},
			Schedule: Schedule{Cron: "17 2 * * *", Zone: berlin, Spread: 2 * time.Hour, Verify: "0 5 * * 0", Sample: "1/30", Keep: 14},
		}, {
			Name: "acme", Line: 24,
			Flags: []Flag{
				flag("defaults", "delete", "true", 6), flag("defaults", "delete-after", "7d", 7), flag("accounts.acme", "kind", "company,on-demand", 26),
				flag("accounts.acme", "manifest", "/etc/vbcvault/acme.manifest", 27), flag("defaults", "older-than", "90d", 5),
				flag("defaults", "tag", "a=1", 8), flag("defaults", "tag", "b=2, 3", 8), flag("accounts.acme", "to", "s3://own/x", 25),
			},
			VBC:      VBC{Username: "bot", Password: Secret{AWS: "arn:aws:secretsmanager:eu-central-1:123456789012:secret:vbc-AbCdEf#acme", Line: 28}, ClientID: "other", ClientSecret: client},
			S3:       S3{Region: "eu-west-1"},
			Schedule: Schedule{Zone: time.UTC, Spread: 2 * time.Hour, Verify: "0 5 * * 0", Sample: "1/7", Keep: 14, Backup: "0 6 * * *", BackupTo: "/backup"},
		}},
		Service: Service{Listen: "127.0.0.1:9180"},
		Notify: []Notifier{
			{Name: "ops", On: []string{"failure", "recovery", "news"}, Accounts: []string{"acme"}, Webhook: &Webhook{URL: Secret{Env: "HOOK", Line: 32}, Secret: Secret{Env: "HOOK_KEY", Line: 32}, Template: "slack"}},
			{Name: "mail", On: []string{"always"}, Email: &Email{Host: "mail.example.com:587", From: "a@example.com", To: []string{"b@example.com"}}},
			{Name: "hc", On: []string{"always"}, Healthchecks: &Healthchecks{URL: Secret{Env: "HC", Line: 34}}},
		},
		Report: Report{Schedule: "0 7 1 * *", Zone: time.UTC, Notify: []string{"mail"}},
	}
	if d := cmp.Diff(want, c, cmp.Comparer(func(a, b *time.Location) bool { return a.String() == b.String() })); d != "" {
		t.Error(d)
	}
}

// least is a file with an account that lacks nothing.
const least = `accounts:
  acme:
    older-than: 90d
    to: s3://b/x
    vbc: {username: bot, password: {env: P}, client-id: app, client-secret: {env: S}}
`

// What editors and other systems make of a file is read all the same.
func TestTheSameFileInOtherForms(t *testing.T) {
	t.Parallel()
	want, err := parse(t, least)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"BOM": "\ufeff" + least, "CRLF": strings.ReplaceAll(least, "\n", "\r\n"), "document marks": "---\n" + least + "...\n",
		"no newline at the end": strings.TrimSuffix(least, "\n"), "comments": "# yaml-language-server: $schema=x.json\n" + least + "# end",
		"JSON": `{"accounts":{"acme":{"older-than":"90d","to":"s3://b/x","vbc":{"username":"bot","password":{"env":"P"},"client-id":"app","client-secret":{"env":"S"}}}}}`,
	} {
		c, err := parse(t, text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for i := range c.Accounts {
			if !reflect.DeepEqual(c.Accounts[i].VBC.Username, want.Accounts[i].VBC.Username) || len(c.Accounts[i].Flags) != 2 {
				t.Errorf("%s: %+v", name, c.Accounts[i])
			}
		}
	}
}

// manyAccounts is a file with what is wrong once, and holds for 200 accounts.
func manyAccounts(defaults string) string {
	text := defaults + "accounts:\n"
	for i := range 200 {
		text += fmt.Sprintf("  a%d: {vbc: {username: bot%d, password: {env: P}}}\n", i, i)
	}
	return text
}

// What is wrong is named with its line, its key and how to mend it: all at once.
func TestMistakes(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	for _, c := range []struct{ name, text, want string }{
		{"unknown key", least + "destinatoins: {}\n", "6: destinatoins: there is no such key; did you mean destinations?"},
		{"unknown flag", least + "    deleet: true\n", "6: accounts.acme.deleet: there is no such key; did you mean delete?"},
		{"as on the command line", least + "    --object_lock: governance\n", "6: accounts.acme.--object_lock: there is no such key; did you mean object-lock?"},
		{"twice", least + "    older-than: 1y\n", "6: accounts.acme.older-than: the key is there twice; remove one of them; the other is in line 3"},
		{"no unit", strings.Replace(least, "90d", "90", 1), `3: accounts.acme.older-than: "90" is not a duration; add a unit: 90d`},
		{"no bool", least + "    delete: yes\n", "6: accounts.acme.delete: want true or false; write true or false, without quotes"},
		{"no number", least + "    workers: many\n", "6: accounts.acme.workers: want a number, not text; write a whole number, without quotes"},
		{"no value", least + "    object-lock:\n", "6: accounts.acme.object-lock: there is no value; give it one, or remove the key"},
		{"for one run", least + "    dry-run: true\n", "6: accounts.acme.dry-run: the file can't set this; it is for one run: give it on the command line"},
		{"number for all", "defaults: {account: 1}\n" + least, "1: defaults.account: this can't hold for several accounts; write it into the account: each has its own number"},
		{"literal", strings.Replace(least, "{env: P}", secret, 1), "5: accounts.acme.vbc.password: a secret must not be in the file itself; write where it is: {env: NAME}, {file: /run/secrets/NAME}, {credential: NAME}, {exec: [PROGRAM, ARGUMENT]} or {aws_secret: ARN#KEY}. Change the secret if others could read this file"},
		{"alias", strings.Replace(least, "{env: P}", "*"+secret, 1), "5: anchors and aliases (& and *) are not used here; write what several accounts have in common into defaults or destinations; put a text that begins with * into quotes"},
		{"anchor", strings.Replace(least, "{env: P}", "&"+secret+" {env: P}", 1), "5: accounts.acme.vbc.password: anchors and aliases (& and *) are not used here; write what several accounts have in common into defaults or destinations; put a text that begins with such a character into quotes"},
		{"tag", least + "    signing-key: !" + secret + "\n", "6: accounts.acme.signing-key: tags (!) are not used here; remove it, or put a text that begins with ! into quotes"},
		{"secret as a key", strings.Replace(least, "{env: P}", "{"+secret+"}", 1), "5: accounts.acme.vbc.password: this must be a reference to a secret, by env, file, credential, exec or aws_secret; write where it is: {env: NAME}, {file: /run/secrets/NAME}, {credential: NAME}, {exec: [PROGRAM, ARGUMENT]} or {aws_secret: ARN#KEY}"},
		{"two references", strings.Replace(least, "{env: P}", "{env: P, file: /x}", 1), "5: accounts.acme.vbc.password: this must be one reference to a secret; write where it is: {env: NAME}, {file: /run/secrets/NAME}, {credential: NAME}, {exec: [PROGRAM, ARGUMENT]} or {aws_secret: ARN#KEY}"},
		{"a command line", strings.Replace(least, "{env: P}", "{exec: pass show "+secret+"}", 1), "5: accounts.acme.vbc.password.exec: this is not a list of texts; write a list of the program and its arguments, as in {exec: [/usr/bin/pass, show, vbc]}: no shell takes it apart"},
		{"secret as a name", strings.Replace(least, "{env: P}", "{env: $"+secret+"}", 1), "5: accounts.acme.vbc.password.env: this is not the name of an environment variable; write its name, without $, as in {env: VBC_PASSWORD}"},
		{"secret as a path", strings.Replace(least, "{env: P}", "{file: "+secret+"}", 1), "5: accounts.acme.vbc.password.file: this is not the path of a file; write its whole path, as in {file: /run/secrets/vbc}, or ./NAME for one beside this file"},
		{"secret with a comma", strings.Replace(least, "{env: P}", "pass,"+secret, 1), "5: accounts.acme.vbc.password: a secret must not be in the file itself; write where it is: {env: NAME}, {file: /run/secrets/NAME}, {credential: NAME}, {exec: [PROGRAM, ARGUMENT]} or {aws_secret: ARN#KEY}. Change the secret if others could read this file\n5: accounts.acme.vbc: something here is no key; it may be a secret, or a part of one; write where the secret is instead, as in {env: NAME}"},
		{"merge key", "defaults: {<<: {older-than: 90d}}\n" + least, "1: defaults.<<: merge keys (<<) are not used here; write what several accounts have in common into defaults or destinations; put a text that begins with such a character into quotes"},
		{"documents", least + "---\nx: 1\n", "6: there are several documents; write everything into one, and remove the --- between"},
		{"empty", "", "1: the file is empty; vbcvault config init makes a file out of today's environment and flags"},
		{"nothing but comments", "# nothing\n", "1: the file is empty; vbcvault config init makes a file out of today's environment and flags"},
		{"tab", "accounts:\n\tacme: {}\n", "2: a tab is used for indentation; indent with spaces"},
		{"colon", least + "    object-lock: a: b\n", "6: a colon stands where none can; check the indentation here and in the line above, and put texts with a colon into quotes"},
		{"Latin-1", least + "    # K\xf6ln\n", "6: a character is not UTF-8; save the file as UTF-8"},
		{"bracket", strings.Replace(least, "{env: P}", "{env: P", 1), "5: a bracket or a comma is missing; close each [ with ] and each { with }, and put commas between"},
		{"quote", least + "    to: 's3\n\n", "6: a quote is not closed; end each text with the quote that it begins with"},
		{"indentation", least + "   delete: true\n", "6: the indentation does not fit; indent all keys of one part by the same number of spaces"},
		{"no accounts at all", "defaults: {}\n", "1: there are no accounts; add one below accounts:, as in acme: with its keys indented; see vbcvault help config"},
		{"UTF-16", "\xff\xfea\x00", "1: the file is not UTF-8 text; save it as UTF-8"},
		{"no mapping", "- acme\n", "1: want keys with values, not a list; write its keys below it, indented"},
		{"name", strings.Replace(least, "acme", "Acme GmbH", 1), "2: accounts.Acme GmbH: the name has capital letters; use lower-case letters, digits, - and _, at most 63, as in acme-berlin"},
		{"no accounts", "accounts: {}\n", "1: accounts: there are no accounts; add one below accounts:, as in acme: with its keys indented; see vbcvault help config"},
		{"destination", least + "defaults: {destination: mian}\ndestinations: {main: {to: s3://b/x}}\n", `6: defaults.destination: "mian" is not the name of one of the destinations; did you mean main?`},
		{"both", least + "    destination: main\ndestinations: {main: {to: s3://b/x}}\n", "4: accounts.acme.to: the account has both destination and to; remove one of them"},
		{"cron", least + "    schedule: {cron: 0 25 * * *}\n", `6: accounts.acme.schedule.cron: "0 25 * * *" is not a schedule: hour "25": use 0 to 23, * for all, lists (1,15), ranges (1-5) and steps (*/2); write five fields (minute, hour, day, month, weekday), as in "17 2 * * *" for 02:17 every night`},
		{"cron of a day that never comes", least + "    schedule: {cron: 0 2 30 2 *}\n", `6: accounts.acme.schedule.cron: "0 2 30 2 *" never happens: no month that it names has such a day; write five fields (minute, hour, day, month, weekday), as in "17 2 * * *" for 02:17 every night`},
		{"cron with a zone", least + "    schedule: {cron: TZ=UTC}\n", "6: accounts.acme.schedule.cron: a cron expression names no time zone; write it into time-zone beside it"},
		{"zone", least + "    schedule: {time-zone: Berlin}\n", `6: accounts.acme.schedule.time-zone: "Berlin" is not a time zone; write it as in Europe/Berlin, America/New_York or UTC`},
		{"spread", least + "    schedule: {spread: 90}\n", `6: accounts.acme.schedule.spread: "90" is not a duration; add a unit, as in 90m or 90h`},
		{"backup", least + "    schedule: {backup: 0 5 * * *}\n", "6: accounts.acme.schedule.backup: schedule.backup has nowhere to copy the manifest to; add backup-to with a directory"},
		{"listen", least + "service: {listen: 9180}\n", "6: service.listen: this is not an address to listen at; write it as in 127.0.0.1:9180, or :9180 for all addresses of this machine"},
		{"event", least + "notify: {x: {on: [failed], command: [/bin/page]}}\n", `6: notify.x.on[1]: "failed" is unknown; want one of failure, recovery, news, always`},
		{"shell", least + "notify: {x: {command: /bin/page acme}}\n", `6: notify.x.command: want a list, not text; write a list of the program and its arguments, as in ["/usr/bin/pass", "show", "vbc"]: no shell takes it apart`},
		{"two ways", least + "notify: {x: {command: [page], healthchecks: {url: {env: X}}}}\n", "6: notify.x: there are 2 ways of telling; write one of webhook, email, command and healthchecks below each name"},
		{"plain mail", least + "notify: {x: {email: {host: 'mail.example.com:25', from: a@b.c, to: [a@b.c], tls: none}}}\n", "6: notify.x.email.tls: others on the network could read the mail and the password; use starttls or tls; none is for a server on this machine"},
		{"key in an address", least + "    vbc: {api-url: 'https://u:" + secret + "@h'}\n", "6: accounts.acme.vbc: the key is there twice; remove one of them; the other is in line 5"},
		{"key in an endpoint", least + "    s3: {endpoint: 'https://u:" + secret + "@h'}\n", "6: accounts.acme.s3.endpoint: this is not the address of a server; write it as in https://api.example.com, without a user, a password or a question mark"},
		{"relative path", least + "state-dir: state\n", "6: state-dir: this is not the path of a file; write the whole path, as in /var/lib/vbcvault, or ./NAME for one beside this file"},
		{"missing", "accounts: {acme: {older-than: 90d, to: 's3://b/x', vbc: {username: x, client-id: y}}}\n", "1: accounts.acme: vbc.password is missing; add it to vbc of the account, or to vbc of defaults\n1: accounts.acme: vbc.client-secret is missing; add it to vbc of the account, or to vbc of defaults"},
		{"for many, misspelt", manyAccounts("defaults: {older-tan: 90d, to: 's3://b/x', vbc: {client-id: y, client-secret: {env: S}}}\n"), "1: defaults.older-tan: there is no such key; did you mean older-than?"},
		{"part for many, misspelt", manyAccounts("defaults: {older-than: 90d, to: 's3://b/x', vcb: {client-id: y, client-secret: {env: S}}}\n"), "1: defaults.vcb: there is no such key; did you mean vbc?"},
		{"for many, missing", manyAccounts("defaults: {to: 's3://b/x', vbc: {client-id: y, client-secret: {env: S}}}\n"), "2: accounts: 200 accounts (a0, a1, a2 and 197 more): no recordings selected: older-than or before is missing; add older-than to the account, or to defaults, as in older-than: 90d"},
		{"several", strings.Replace(least, "90d", "90", 1) + "    workers: x\nservce: {}\n", "3: accounts.acme.older-than: \"90\" is not a duration; add a unit: 90d\n6: accounts.acme.workers: want a number, not text; write a whole number, without quotes\n7: servce: there is no such key; did you mean service?"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := parse(t, c.text)
			if err == nil {
				t.Fatal("it is read")
			}
			got := strings.ReplaceAll(err.Error(), "/etc/vbcvault/vbcvault.yaml:", "")
			if got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
			if strings.Contains(got, secret) {
				t.Error("the secret is shown")
			}
			e, ok := errors.AsType[*Error](err)
			if !ok || len(e.Mistakes) == 0 {
				t.Fatalf("%T", err)
			}
			for _, m := range e.Mistakes {
				if m.Line == 0 || m.Wrong == "" || m.Mend == "" {
					t.Errorf("%+v", m)
				}
			}
		})
	}
}

// A file that can't be read is named, with what to do.
func TestFilesThatCantBeRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	large := filepath.Join(dir, "large.yaml")
	if err := os.WriteFile(large, []byte("# "+strings.Repeat("x", largest)), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "none.yaml"): "there is no such file; vbcvault config init makes one",
		dir:                             "this is a directory; name the file in it",
		large:                           "the file has more than 8 MiB; split it into several files, for services of their own",
	} {
		if _, err := Load(path, someFlags); err == nil || err.Error() != path+": "+want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
