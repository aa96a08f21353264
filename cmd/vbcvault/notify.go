package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/notify"
)

func newNotify(s streams) *cobra.Command {
	return parent("notify", "Try out who is told what became of runs", `Notifiers tell people and programs what became of runs: by mail, in a chat, at
a web address or with a command. They are in the configuration file, below
notify. This command tries them out.`, newNotifyTest(s))
}

func newNotifyTest(s streams) *cobra.Command {
	var file string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "test [NAME…] --config FILE",
		Short: "Send a test message through the notifiers of a configuration file",
		Long: `Test sends a test message through each notifier of the configuration file, or
through those that are named, and says which of them took it. Each has one try.
Nothing else changes: what the notifiers have been told of the accounts stays as
it is, and a check of healthchecks.io gets a line in its log.

That a mail server has taken a mail does not mean that the mail arrives: look
for it. The exit code is 1 if a notifier did not take the message.`,
		Example: `  vbcvault notify test --config vbcvault.yaml
  vbcvault notify test ops mail --config vbcvault.yaml`,
		RunE: func(cmd *cobra.Command, names []string) error {
			c, _, err := readConfig(file)
			if err != nil {
				return err
			}
			t := notify.New(c.Notify, nil, slog.New(slog.DiscardHandler))
			if len(c.Notify) == 0 {
				return usagef("add some below notify; see vbcvault help notify", "%s has no notifiers", file)
			}
			for _, name := range names {
				if !slices.Contains(t.Names(), name) {
					return usagef("its notifiers are: "+strings.Join(t.Names(), ", "), "%s has no notifier %q", file, name)
				}
			}
			return printTried(s, t.Try(cmd.Context(), names...), asJSON)
		},
	}
	configFlag(cmd, &file)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object for each notifier")
	return cmd
}

// tried is what became of one test message. Its JSON is a contract.
type tried struct {
	Notifier string `json:"notifier"`
	OK       bool   `json:"ok"`
	Error    string `json:"error,omitempty"`
}

func printTried(s streams, results []notify.Result, asJSON bool) error {
	bad := 0
	for _, r := range results {
		one := tried{Notifier: r.Notifier, OK: r.Err == nil}
		text := "took the message"
		if r.Err != nil {
			bad++
			one.Error = r.Err.Error()
			text = "FAILED: " + one.Error
		}
		var err error
		if asJSON {
			err = json.NewEncoder(s.out).Encode(one)
		} else {
			_, err = fmt.Fprintf(s.out, "%s: %s\n", r.Notifier, text)
		}
		if err != nil {
			return err
		}
	}
	if bad == 0 {
		return nil
	}
	return &exitError{code: exitIncomplete, err: errors.New("not every notifier took the message; see above")}
}
