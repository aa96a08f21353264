package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/access"
)

func newWebLink(s streams) *cobra.Command {
	var f webFlags
	cmd := &cobra.Command{
		Use:   "link",
		Short: "Print a link that signs in to the page as an admin, once",
		Long: `Link prints a one-time link for a page that is running, of vbcvault web or
vbcvault serve. Whoever opens it within ten minutes and presses the button is
signed in as an admin. The link works once. Use the same --config as the page,
or none if it has none.`,
		Example: `  vbcvault web link
  vbcvault web link --config /etc/vbcvault/vbcvault.yaml`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			c, stateAt, err := f.settings()
			if err != nil {
				return err
			}
			if _, err := os.Stat(filepath.Join(stateAt, "web.db")); errors.Is(err, fs.ErrNotExist) {
				return usagef("start vbcvault web, or vbcvault serve with web: listen in its file; use the same --config or VBCVAULT_STATE_DIR here", "no page has run with its state in %s", stateAt)
			}
			db, err := openWebState(ctx, stateAt)
			if err != nil {
				return err
			}
			defer db.Close()
			path, err := access.NewLink(ctx, db, osUser(), time.Now())
			if err != nil {
				return err
			}
			var w config.Web
			if c != nil {
				w = c.Web
			}
			_, err = fmt.Fprintf(s.out, "%s%s\n", webURL(w, cmp.Or(f.listen, w.Listen, webListen)), path)
			return err
		},
	}
	webConfigFlag(cmd, &f)
	cmd.Flags().StringVar(&f.listen, "listen", "", "`ADDRESS` of the page, if vbcvault web was started with --listen")
	return cmd
}

// webConfigFlag is the flag of commands about the page of a configuration, or of none.
func webConfigFlag(cmd *cobra.Command, f *webFlags) {
	cmd.Flags().StringVar(&f.config, "config", "", "the configuration `FILE` of the page (default: VBCVAULT_CONFIG, if it is set)")
}
