package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/access"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/state"
)

// webUserCommands are about people who sign in with a password.
func webUserCommands(s streams) []*cobra.Command {
	return []*cobra.Command{newWebUsers(s), newWebAddUser(s), newWebChangeUser(s), newWebRemoveUser(s)}
}

// webUserFlags are the flags of these commands.
type webUserFlags struct {
	webFlags
	role, passwordFile string
	password, json     bool
}

const passwordHelp = `
The password is asked for twice, without being shown; --password-file reads it
from the first line of a file, or of stdin with -. It has at least 12 characters.
Only its Argon2id hash is kept.`

// withState opens the page's own state for as long as do takes, with the configuration
// that is meant, which may be empty.
func (f *webUserFlags) withState(ctx context.Context, do func(config.Web, *state.DB) error) error {
	c, at, err := f.settings()
	if err != nil {
		return err
	}
	if c == nil {
		c = &config.Config{}
	}
	db, err := openWebState(ctx, at)
	if err != nil {
		return err
	}
	return errors.Join(do(c.Web, db), db.Close())
}

// named is the user that is named.
func (f *webUserFlags) named(arg string) (string, error) {
	name, ok := access.UserName(arg)
	if !ok {
		return "", usagef("use letters, digits and . _ @ -, as in alice or alice@example.com; capital letters count as small ones", "%q can't be the name of a user", arg)
	}
	return name, nil
}

// fitRole refuses a role that there isn't.
func fitRole(c config.Web, role string) error {
	if !c.HasRole(role) {
		return usagef(c.MendRole(role), "--role %q is not a role", role)
	}
	return nil
}

func newWebAddUser(s streams) *cobra.Command {
	var f webUserFlags
	cmd := &cobra.Command{
		Use:   "add-user NAME --role ROLE",
		Short: "Add somebody who signs in to the page with a password",
		Long: `Add-user adds somebody who signs in to the page with a name and a password. It
works while the page runs, and counts at once. Roles are auditor, supervisor,
holder, admin and those of web: roles in the configuration file; vbcvault help
web says what each may do. To limit somebody to some accounts or extensions,
give them a role of the file.
` + passwordHelp,
		Example: `  vbcvault web add-user alice --role auditor
  vbcvault web add-user bob --role berlin --config /etc/vbcvault/vbcvault.yaml
  pass show bob | vbcvault web add-user bob --role supervisor --password-file -`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.withState(cmd.Context(), func(c config.Web, db *state.DB) error {
				name, err := f.named(args[0])
				if err != nil {
					return err
				}
				if f.role == "" {
					return usagef("as in --role auditor; vbcvault help web says what each role may do", "--role is required")
				}
				if err := fitRole(c, f.role); err != nil {
					return err
				}
				hash, err := f.newPassword(cmd.Context(), cmd.InOrStdin(), s.err)
				if err != nil {
					return err
				}
				err = db.AddUser(cmd.Context(), state.User{Name: name, Hash: hash, Role: f.role, Changed: time.Now()})
				if errors.Is(err, state.ErrTaken) {
					return usagef("vbcvault web change-user changes a role or a password; choose another name for somebody else", "there is somebody named %s already", name)
				}
				if err == nil {
					_, err = fmt.Fprintf(s.out, "%s can sign in now, as %s.\n", name, f.role)
				}
				return err
			})
		},
	}
	cmd.Flags().StringVar(&f.role, "role", "", "what they may do: `ROLE` is auditor, supervisor, holder, admin or one of the configuration file")
	f.register(cmd)
	return cmd
}

func (f *webUserFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.passwordFile, "password-file", "", "read the password from the first line of `FILE`, or of stdin with -")
	webConfigFlag(cmd, &f.webFlags)
}

func newWebChangeUser(s streams) *cobra.Command {
	var f webUserFlags
	cmd := &cobra.Command{
		Use:   "change-user NAME [--role ROLE] [--password]",
		Short: "Give a user of the page another role or password",
		Long: `Change-user gives somebody another role, another password or both. They are
signed out everywhere at once.
` + passwordHelp,
		Example: `  vbcvault web change-user alice --role admin
  vbcvault web change-user alice --password`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.withState(cmd.Context(), func(c config.Web, db *state.DB) error {
				name, err := f.named(args[0])
				if err != nil {
					return err
				}
				u := state.User{Name: name, Role: f.role, Changed: time.Now()}
				if f.role == "" && !f.password && f.passwordFile == "" {
					return usagef("add --role ROLE, --password or both", "nothing would be changed")
				}
				if f.role != "" {
					if err := fitRole(c, f.role); err != nil {
						return err
					}
				}
				if _, err := db.User(cmd.Context(), name); err != nil {
					return noUser(err, name)
				}
				if f.password || f.passwordFile != "" {
					if u.Hash, err = f.newPassword(cmd.Context(), cmd.InOrStdin(), s.err); err != nil {
						return err
					}
				}
				if err := db.ChangeUser(cmd.Context(), u); err != nil {
					return noUser(err, name)
				}
				_, err = fmt.Fprintf(s.out, "%s is changed, and signed out everywhere.\n", name)
				return err
			})
		},
	}
	cmd.Flags().StringVar(&f.role, "role", "", "the new `ROLE`")
	cmd.Flags().BoolVar(&f.password, "password", false, "ask for a new password")
	f.register(cmd)
	return cmd
}

func newWebRemoveUser(s streams) *cobra.Command {
	var f webUserFlags
	cmd := &cobra.Command{
		Use:   "remove-user NAME",
		Short: "Remove somebody who signs in to the page with a password",
		Long: `Remove-user removes somebody who signs in with a password. They are signed out
everywhere at once. What they have listened to stays on record.`,
		Example: `  vbcvault web remove-user alice`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.withState(cmd.Context(), func(_ config.Web, db *state.DB) error {
				name, err := f.named(args[0])
				if err != nil {
					return err
				}
				if err := db.RemoveUser(cmd.Context(), name); err != nil {
					return noUser(err, name)
				}
				_, err = fmt.Fprintf(s.out, "%s is removed, and signed out everywhere.\n", name)
				return err
			})
		},
	}
	webConfigFlag(cmd, &f.webFlags)
	return cmd
}

func noUser(err error, name string) error {
	if errors.Is(err, state.ErrNone) {
		return usagef("vbcvault web users lists them", "there is no user named %s", name)
	}
	return err
}

func newWebUsers(s streams) *cobra.Command {
	var f webUserFlags
	cmd := &cobra.Command{
		Use:   "users",
		Short: "List who signs in to the page",
		Long: `Users lists who can sign in with a password, and who else has signed in, with
their role, their last sign-in and how many browsers they are signed in with.`,
		Example: `  vbcvault web users
  vbcvault web users --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.withState(cmd.Context(), func(c config.Web, db *state.DB) error {
				people, err := access.New(access.Options{State: db, Config: c}).People(cmd.Context())
				if err != nil {
					return err
				}
				if f.json {
					return json.NewEncoder(s.out).Encode(webPeople(people))
				}
				if len(people) == 0 {
					_, err := fmt.Fprintln(s.out, "Nobody has a password here, and nobody has signed in. vbcvault web add-user adds somebody.")
					return err
				}
				w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
				fmt.Fprintln(w, "NAME\tROLE\tSIGNS IN BY\tLAST SIGN-IN\tSIGNED IN")
				for _, p := range webPeople(people) {
					last := "never"
					if !p.Last.IsZero() {
						last = p.Last.Format(time.RFC3339)
					}
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\n", p.Name, p.Role, p.By, last, p.Sessions)
				}
				return w.Flush()
			})
		},
	}
	cmd.Flags().BoolVar(&f.json, "json", false, "print one JSON array")
	webConfigFlag(cmd, &f.webFlags)
	return cmd
}

// webPerson is somebody as the command shows them; its JSON is a contract.
type webPerson struct {
	Name     string    `json:"name"`
	Role     string    `json:"role"`
	By       string    `json:"by"` // password, link or oidc
	Last     time.Time `json:"last_sign_in,omitzero"`
	Sessions int       `json:"sessions"`
}

func webPeople(people []state.Person) []webPerson {
	all := []webPerson{}
	for _, p := range people {
		all = append(all, webPerson{p.Name, p.Role, p.Way(), p.Last, p.Sessions})
	}
	return all
}
