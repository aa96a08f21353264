package config

import "go.yaml.in/yaml/v3"

// file is a file as it is written. Its types, with those that they are made of, are what
// the reader and the schema for editors go by.
type file struct {
	StateDir       string              `json:"state-dir,omitempty" is:"path" jsonschema_description:"where manifests lie and the service keeps its own state; default as without a file: VBCVAULT_STATE_DIR, else ~/.local/state/vbcvault"`
	Database       Database            `json:"database,omitempty" jsonschema_description:"a database of PostgreSQL that several machines share: manifests and the state of the service lie in it; see vbcvault help machines"`
	AccountsAtOnce int                 `json:"accounts-at-once,omitempty" jsonschema:"minimum=1,maximum=256" jsonschema_description:"so many accounts have runs at the same time; default 8"`
	Defaults       defaults            `json:"defaults,omitempty" jsonschema_description:"what holds for all accounts, unless their destination or they themselves say otherwise"`
	Destinations   map[string]target   `json:"destinations,omitempty" jsonschema_description:"where recordings go, by name"`
	Accounts       map[string]account  `json:"accounts" jsonschema_description:"the accounts, by name"`
	Service        Service             `json:"service,omitempty" jsonschema_description:"what vbcvault serve itself needs"`
	Notify         map[string]Notifier `json:"notify,omitempty" jsonschema_description:"who is told, by name"`
	Report         Report              `json:"report,omitempty" jsonschema_description:"the monthly report"`
	Web            Web                 `json:"web,omitempty" jsonschema_description:"the page with the calls"`
}

// defaults hold for all accounts.
type defaults struct {
	section
	Destination string   `json:"destination,omitempty" jsonschema_description:"the name of a destination"`
	VBC         VBC      `json:"vbc,omitempty" jsonschema_description:"how to reach VBC"`
	S3          S3       `json:"s3,omitempty" jsonschema_description:"how to reach S3; what is not said is as in the environment"`
	Schedule    Schedule `json:"schedule,omitempty" jsonschema_description:"when runs begin, and what is done between them"`
	Signing     Secret   `json:"signing-key,omitempty" jsonschema_description:"where the key is that signs receipts, if it is one for all accounts"`
}

// target is a destination, which several accounts may have.
type target struct {
	section
	S3 S3 `json:"s3,omitempty" jsonschema_description:"how to reach this bucket"`
}

// account is one account.
type account struct {
	section
	Destination string   `json:"destination,omitempty" jsonschema_description:"the name of a destination; or the account has a to of its own"`
	VBC         VBC      `json:"vbc,omitempty" jsonschema_description:"how to reach VBC"`
	S3          S3       `json:"s3,omitempty" jsonschema_description:"how to reach S3; what is not said is as in the environment"`
	Schedule    Schedule `json:"schedule,omitempty" jsonschema_description:"when runs begin, and what is done between them"`
	Signing     Secret   `json:"signing-key,omitempty" jsonschema_description:"where the key is that signs receipts, if it is not in the file MANIFEST.key"`
}

// section is a part of the file that takes flags of vbcvault archive besides its keys.
type section struct {
	node  *yaml.Node
	at    place
	flags map[string][]Flag // by name
}

func (s *section) part() *section { return s }

// sectional is what has a section.
type sectional interface{ part() *section }
