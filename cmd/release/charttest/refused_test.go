package charttest

import (
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chartutil"
)

// TestRefused changes a set of values that works by one mistake each: Helm refuses it
// before anything is installed, and says what is wrong.
func TestRefused(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		set  string // that works
		with string // YAML that is merged into it
		want string // what the refusal says
	}{
		// By the schema: of the chart itself,
		{"a misspelt value", "service", `persistenz: {size: 1Gi}`, "additional properties 'persistenz' not allowed"},
		{"a mode that isn't there", "service", `mode: daemon`, "at '/mode': value must be one of 'service', 'job'"},
		{"a volume of many nodes", "service", `persistence: {accessMode: ReadWriteMany}`, "at '/persistence/accessMode'"},
		{"a size without a unit", "service", `persistence: {size: "10"}`, "at '/persistence/size'"},
		{"a replica that is none", "service", `replicas: 0`, "at '/replicas'"},
		{"no time to finish transfers", "service", `terminationGracePeriodSeconds: 5`, "at '/terminationGracePeriodSeconds'"},
		{"starts that are never made up for", "job", `job: {startingDeadlineSeconds: 10}`, "at '/job/startingDeadlineSeconds'"},
		{"a schedule of six fields", "job", `job: {schedule: "0 17 2 * * *"}`, "at '/job/schedule'"},
		{"a variable of the chart's own", "service", `env: [{name: VBCVAULT_STATE_DIR, value: /tmp}]`, "at '/env/0/name'"},
		{"a volume of the chart's own", "service", `extraVolumes: [{name: state, emptyDir: {}}]`, "at '/extraVolumes/0/name'"},
		{"a Secret that can't be", "service", `secrets: ["../passwd"]`, "at '/secrets/0'"},
		// and of vbcvault's configuration.
		{"a misspelt key of the configuration", "service", `config: {accounts: {acme: {oldr-than: 90d}}}`, "additional properties 'oldr-than' not allowed"},
		{"a number that loses its zero", "service", `config: {accounts: {acme: {account: 0549825}}}`, "at '/config/accounts/acme/account'"},
		{"a secret in the configuration itself", "service", `config: {accounts: {acme: {vbc: {provisioning-client-secret: hunter2}}}}`, "at '/config/accounts/acme/vbc/provisioning-client-secret'"},
		{"an age that is none", "service", `config: {defaults: {schedule: {cron: "@daily"}}}`, "at '/config/defaults/schedule/cron'"},
		// By the templates.
		{"no account", "service", `config: {accounts: {acme: null, globex: null}}`, "there is no account to archive"},
		{"an account called no", "job", `config: {accounts: {no: {older-than: 90d}}}`, "Helm takes yes, no, on and off for true and false: write such a name in quotes"},
		{"the configuration twice", "text", `config: {accounts: {acme: {older-than: 90d}}}`, "config and configText are both there"},
		{"a text that is no YAML", "text", `configText: "accounts: ["`, "configText is no YAML"},
		{"an account that is never archived", "service", `config: {defaults: {schedule: {cron: null}}, accounts: {acme: {schedule: {cron: "1 2 * * *"}}}}`, "the account globex has no schedule"},
		{"secrets that are nowhere", "service", `secrets: []`, "give that Secret the keys acme-password, globex-password, vbc-client"},
		{"a state without its volume", "service", `config: {state-dir: /tmp}`, "config.state-dir must be /var/lib/vbcvault"},
		{"metrics where no probe looks", "service", `config: {service: {listen: "127.0.0.1:9180"}}`, `config.service.listen must be ":9180"`},
		{"a run of nobody", "job", `job: {accounts: [other]}`, "job.accounts: there is no account other"},
		{"a page of a job", "job", `web: {enabled: true}`, "web.enabled needs mode: service"},
		{"metrics of a job", "job", `serviceMonitor: {enabled: true}`, "prometheusRule.enabled need mode: service"},
		{"alerts of a job", "job", `prometheusRule: {enabled: true}`, "prometheusRule.enabled need mode: service"},
		{"a page without an address", "everything", `config: {web: {url: null}}`, "web.enabled needs config.web.url"},
		{"a page that nobody encrypts", "everything", `config: {web: {proxies: null}}`, "web.enabled needs config.web.proxies"},
		{"a page at another port", "everything", `config: {web: {listen: ":80"}}`, `config.web.listen must be ":8180"`},
		{"a page of a text at another port", "text", `configText: "accounts: {a: {schedule: {cron: 1 2 * * *}}}\nweb: {url: https://a.example.com, proxies: [10.0.0.1]}"`, `web.enabled needs web: listen: ":8180" in configText`},
		{"a page that no Service leads to", "everything", `{web: {enabled: false}, config: {web: {listen: ":8180"}}}`, "no Service leads to the page"},
		{"an Ingress to no page", "service", `web: {ingress: {enabled: true}}`, "web.ingress.enabled needs web.enabled"},
		{"roles whose order is lost", "everything", `config: {web: {oidc: {roles: {all: admin}}}}`, "config.web.oidc.roles has several roles"},
		{"several replicas", "service", `replicas: 2`, "several replicas need a database that they share"},
		{"several replicas of a job", "job", `replicas: 2`, "need mode: service"},
		{"a database of a job", "job", `database: {secret: db}`, "need mode: service"},
		{"a database without a key", "service", `database: {secret: db}`, "the account acme has no signing-key"},
		{"a database and one key", "service", `{database: {secret: db}, config: {accounts: {acme: {signing-key: {credential: k}}}}}`, "the account globex has no signing-key"},
		{"a page's database without a page", "service", `database: {secret: db, pageSecret: db2}`, "database.pageSecret is for the page's pod"},
		{"a page's database alone", "everything", `database: {pageSecret: db2}`, "it needs database.secret"},
		{"the address of the chart's own", "service", `env: [{name: VBCVAULT_DATABASE_URL_FILE, value: /tmp/url}]`, "at '/env/0/name'"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			with, err := chartutil.ReadValues([]byte(test.with))
			if err != nil {
				t.Fatal(err)
			}
			_, err = rendered(loaded(t), chartutil.CoalesceTables(with, valuesOf(t, sets(t)[test.set])))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Helm says %v, and not %q", err, test.want)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("a secret is shown: %v", err)
			}
		})
	}
}
