// Package config reads the configuration file: accounts, where their recordings go,
// when, and who is told. The file holds no secrets, only where they are.
//
// What vbcvault archive takes as a flag is a key of the same name here, in defaults, in
// a destination and in an account; the nearest counts.
package config

import (
	"context"
	"time"

	"github.com/spf13/pflag"
)

// Config is a whole file that has been checked.
type Config struct {
	Path string // of the file

	StateDir       string    // where manifests lie and the service keeps its own state; "" = as without a file
	AccountsAtOnce int       // runs at the same time, at least 1
	Accounts       []Account // in the order of the file
	Service        Service
	Notify         []Notifier
	Report         Report
}

// Account is one account with everything that holds for it.
type Account struct {
	Name string // its key in the file
	Line int    // of the file

	Flags    []Flag // of vbcvault archive, each at most once
	VBC      VBC
	S3       S3
	Schedule Schedule
	Signing  Secret // the key that signs receipts; zero = the file beside the manifest
}

// Flag is one flag of vbcvault archive.
type Flag struct {
	Name  string
	Value string // as on the command line; of a list, its elements one Flag each
	Line  int    // of the file
}

// VBC is how to reach VBC, in the words of the environment's VBC_….
type VBC struct {
	Username                 string
	Password                 Secret
	ClientID                 string
	ClientSecret             Secret
	APIURL, APIRoot          string
	TokenURL                 string
	ProvisioningClientID     string
	ProvisioningClientSecret Secret
}

// S3 is how to reach a destination's bucket; what is empty is as in the environment.
type S3 struct {
	Region, Endpoint, Profile                  string
	AccessKeyID, SecretAccessKey, SessionToken Secret
}

// IsZero reports whether everything is as in the environment.
func (s S3) IsZero() bool {
	return s.Region == "" && s.Endpoint == "" && s.Profile == "" && s.AccessKeyID.IsZero() && s.SecretAccessKey.IsZero() && s.SessionToken.IsZero()
}

// Schedule is when an account's runs begin.
type Schedule struct {
	Cron     string         // five fields, "" = only when somebody asks
	Zone     *time.Location // of Cron
	Spread   time.Duration  // runs begin somewhere within so much time after the moment
	Verify   string         // cron of samples that are verified; "" = none
	Sample   string         // of verify, as of vbcvault verify --sample
	Catalog  string         // cron
	Backup   string         // cron of copies of the manifest
	BackupTo string         // directory of these
	Keep     int            // how many of these
	Audit    string         // cron of vbcvault audit
}

// Service is what vbcvault serve itself needs.
type Service struct {
	Listen string // of metrics and health; "" = none
}

// Notifier is one way of telling.
type Notifier struct {
	Name     string
	On       []string // failure, recovery, news, always
	Accounts []string // names; none = all

	Webhook      *Webhook
	Email        *Email
	Command      []string
	Healthchecks *Healthchecks
}

// Webhook is an address that is sent JSON.
type Webhook struct {
	URL      Secret
	Secret   Secret // of the HMAC; zero = unsigned
	Template string // "" = the outcome as it is, slack, teams
}

// Email is a mail server and who gets mail.
type Email struct {
	Host     string // HOST:PORT
	From     string
	To       []string
	Username string
	Password Secret
	TLS      string // starttls (default), tls, none (loopback only)
}

// Healthchecks is a check of healthchecks.io, or of a server like it.
type Healthchecks struct {
	URL Secret // of one check; {account} in it is replaced by the account's name
}

// Report is the monthly report.
type Report struct {
	Schedule string   // cron; "" = none
	Notify   []string // names of notifiers that get it
}

// Secret is where a secret is. It is never the secret itself. One is set, or none.
type Secret struct {
	Env  string
	File string
	Exec []string
	AWS  string // ARN#KEY of AWS Secrets Manager
	Line int    // of the file
}

// IsZero reports whether there is no reference.
func (s Secret) IsZero() bool { return s.Env == "" && s.File == "" && len(s.Exec) == 0 && s.AWS == "" }

// Resolve fetches the secret, each time anew: whoever needs it doesn't keep it longer
// than that. The error says where it should be, and never what it is.
func (s Secret) Resolve(ctx context.Context) (string, error) { panic("not written yet") }

// Load reads a file. flags makes the flags of vbcvault archive, which say which keys
// there are and which values they take. The error names every mistake with its line.
func Load(path string, flags func() *pflag.FlagSet) (*Config, error) { panic("not written yet") }
