// Package config reads the configuration file: accounts, where their recordings go,
// when, and who is told. The file holds no secrets, only where they are.
//
// What vbcvault archive takes as a flag is a key of the same name here, in defaults, in
// a destination and in an account; the nearest counts.
package config

import "time"

// Format rises when a key is taken away, or means something else than before; new keys
// don't raise it.
const Format = 1

// Config is a whole file that has been checked.
type Config struct {
	Path   string // of the file
	Digest string // of its bytes: the same on all machines that share a database

	StateDir       string    // where manifests lie and the service keeps its own state; "" = as without a file
	Database       Database  // where both lie instead; zero = as without a file
	AccountsAtOnce int       // runs at the same time, at least 1; 8 unless the file says otherwise
	Accounts       []Account // in the order of the file
	Service        Service
	Notify         []Notifier
	Report         Report
	Web            Web
}

// Account is one account with everything that holds for it.
type Account struct {
	Name string // its key in the file
	Line int    // of the file

	Flags    []Flag // of vbcvault archive, each at most once
	VBC      VBC
	S3       S3
	Schedule Schedule
	Signing  Secret // the key that signs receipts; zero = the file beside the manifest, which none has in a database
}

// Flag is one flag of vbcvault archive.
type Flag struct {
	Name  string
	Value string // as on the command line; of a list, its elements one Flag each
	Key   string // where it stands in the file, as in defaults.older-than
	Line  int    // of the file
}

// VBC is how to reach VBC, in the words of the environment's VBC_….
type VBC struct {
	Username                 string `json:"username,omitempty" jsonschema_description:"the VBC integration user who reads and deletes recordings"`
	Password                 Secret `json:"password,omitempty" jsonschema_description:"where the user's password is"`
	ClientID                 string `json:"client-id,omitempty" jsonschema_description:"the application of the developer portal"`
	ClientSecret             Secret `json:"client-secret,omitempty" jsonschema_description:"where the application's secret is"`
	APIURL                   string `json:"api-url,omitempty" is:"url" jsonschema_description:"address of the API; default https://api.vonage.com"`
	APIRoot                  string `json:"api-root,omitempty" jsonschema_description:"path of the call recording API; default /t/vbc.prod/call_recording/v1/api"`
	TokenURL                 string `json:"token-url,omitempty" is:"url" jsonschema_description:"address of the tokens, if it is not /token at api-url"`
	ProvisioningClientID     string `json:"provisioning-client-id,omitempty" jsonschema_description:"a second application, if the first one isn't subscribed to the Provisioning API"`
	ProvisioningClientSecret Secret `json:"provisioning-client-secret,omitempty" jsonschema_description:"where the second application's secret is"`
	QuotaGroup               string `json:"quota-group,omitempty" jsonschema_description:"the name of a request quota at VBC, which all accounts with this name share; default is one for each application. It is used with a database"`
}

// S3 is how to reach a destination's bucket; what is empty is as in the environment.
type S3 struct {
	Region          string `json:"region,omitempty" jsonschema_description:"the bucket's region, as in eu-central-1"`
	Endpoint        string `json:"endpoint,omitempty" is:"url" jsonschema_description:"address of a compatible server instead of AWS"`
	Profile         string `json:"profile,omitempty" jsonschema_description:"profile of the AWS configuration files"`
	AccessKeyID     Secret `json:"access-key-id,omitempty" jsonschema_description:"where the access key's id is"`
	SecretAccessKey Secret `json:"secret-access-key,omitempty" jsonschema_description:"where the secret access key is"`
	SessionToken    Secret `json:"session-token,omitempty" jsonschema_description:"where the token of temporary keys is"`
}

// IsZero reports whether everything is as in the environment.
func (s S3) IsZero() bool {
	return s.Region == "" && s.Endpoint == "" && s.Profile == "" && s.AccessKeyID.IsZero() && s.SecretAccessKey.IsZero() && s.SessionToken.IsZero()
}

// Schedule is when an account's runs begin. Its cron expressions have five fields.
type Schedule struct {
	Cron     string         `json:"cron,omitempty" is:"cron" jsonschema_description:"when runs begin; without it only when somebody asks"`
	Zone     *time.Location `json:"time-zone,omitempty" jsonschema_description:"of all cron expressions here, as in Europe/Berlin; default UTC"`
	Spread   time.Duration  `json:"spread,omitempty" jsonschema_description:"each account begins at its own moment within so much time after the expression's"`
	Verify   string         `json:"verify,omitempty" is:"cron" jsonschema_description:"when a sample of the copies is verified"`
	Sample   string         `json:"sample,omitempty" is:"sample" jsonschema_description:"which part of the copies verify takes, as vbcvault verify --sample; default 1/30"`
	Catalog  string         `json:"catalog,omitempty" is:"cron" jsonschema_description:"when the catalogue beside the archive is brought up to date"`
	Backup   string         `json:"backup,omitempty" is:"cron" jsonschema_description:"when the manifest is copied to backup-to"`
	BackupTo string         `json:"backup-to,omitempty" is:"path" jsonschema_description:"the directory of these copies"`
	Keep     int            `json:"keep,omitempty" jsonschema:"minimum=1,maximum=10000" jsonschema_description:"how many of these copies are kept; default 14"`
	Audit    string         `json:"audit,omitempty" is:"cron" jsonschema_description:"when the receipts are audited"`
}

// Database is the database of PostgreSQL that several machines share.
type Database struct {
	URL      string `json:"url,omitempty" is:"database" jsonschema_description:"its address, as in postgres://vbcvault@db.example.com/vbcvault, without a password"`
	Password Secret `json:"password,omitempty" jsonschema_description:"where the password is; without it VBCVAULT_DATABASE_PASSWORD, PGPASSWORD, a password file or a certificate"`
}

// Service is what vbcvault serve itself needs.
type Service struct {
	Listen string `json:"listen,omitempty" is:"listen" jsonschema_description:"address of metrics and health, as in 127.0.0.1:9180; without it there are none"`
}

// Notifier is one way of telling. One of the last four is set.
type Notifier struct {
	Name     string   `json:"-"`
	On       []string `json:"on,omitempty" is:"on" jsonschema_description:"when to tell: failure, recovery, news or always; default the first three"`
	Accounts []string `json:"accounts,omitempty" jsonschema_description:"about which accounts; default all"`

	Webhook      *Webhook      `json:"webhook,omitempty" jsonschema_description:"send JSON to an address"`
	Email        *Email        `json:"email,omitempty" jsonschema_description:"send a mail"`
	Command      []string      `json:"command,omitempty" is:"argv" jsonschema_description:"run a program, without a shell"`
	Healthchecks *Healthchecks `json:"healthchecks,omitempty" jsonschema_description:"ping a check of healthchecks.io, or of a server like it"`
}

// Webhook is an address that is sent JSON.
type Webhook struct {
	URL      Secret `json:"url" jsonschema_description:"where the address is: who knows it may post there"`
	Secret   Secret `json:"secret,omitempty" jsonschema_description:"where the key is that signs (HMAC) what is sent; without it nothing is signed"`
	Template string `json:"template,omitempty" is:"template" jsonschema_description:"slack or teams; without it the outcome is sent as it is"`
}

// Email is a mail server and who gets mail.
type Email struct {
	Host     string   `json:"host" is:"hostport" jsonschema_description:"HOST:PORT of the mail server"`
	From     string   `json:"from" is:"mail" jsonschema_description:"the sender's address"`
	To       []string `json:"to" is:"mail" jsonschema_description:"who gets the mail"`
	Username string   `json:"username,omitempty" jsonschema_description:"the user of the mail server"`
	Password Secret   `json:"password,omitempty" jsonschema_description:"where this user's password is"`
	TLS      string   `json:"tls,omitempty" is:"tls" jsonschema_description:"starttls (default), tls, or none, for a server on this machine"`
}

// Healthchecks is a check of healthchecks.io, or of a server like it.
type Healthchecks struct {
	URL Secret `json:"url" jsonschema_description:"where the check's address is; {account} in it is replaced by the account's name"`
}

// Report is the monthly report.
type Report struct {
	Schedule string         `json:"schedule,omitempty" is:"cron" jsonschema_description:"when it is made"`
	Zone     *time.Location `json:"time-zone,omitempty" jsonschema_description:"of schedule; default UTC"`
	Notify   []string       `json:"notify,omitempty" jsonschema_description:"the names of those below notify that get it"`
}
