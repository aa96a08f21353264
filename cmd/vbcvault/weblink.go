package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
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
			path, err := access.NewLink(ctx, db, osUser(), time.Now())
			if err = errors.Join(err, db.Close()); err != nil {
				return err
			}
			var w config.Web
			if c != nil {
				w = c.Web
			}
			listen := cmp.Or(f.listen, w.Listen, webListen)
			if !answers(ctx, listen) {
				fmt.Fprintf(s.err, "Nothing answers at %s now: start vbcvault web, or vbcvault serve with web: listen in its file, before you open the link; or say where the page is, with --config or --listen.\n", listen)
			}
			_, err = fmt.Fprintf(s.out, "%s%s\n", webURL(w, listen), path)
			return err
		},
	}
	webConfigFlag(cmd, &f)
	cmd.Flags().StringVar(&f.listen, "listen", "", "`ADDRESS` of the page, if vbcvault web was started with --listen")
	return cmd
}

// answers reports whether something takes connections at an address.
func answers(ctx context.Context, address string) bool {
	c, err := (&net.Dialer{Timeout: 2 * time.Second}).DialContext(ctx, "tcp", address)
	if err != nil {
		return false
	}
	_ = c.Close() // nothing was sent
	return true
}

// webConfigFlag is the flag of commands about the page of a configuration, or of none.
func webConfigFlag(cmd *cobra.Command, f *webFlags) {
	cmd.Flags().StringVar(&f.config, "config", "", "the configuration `FILE` of the page (default: VBCVAULT_CONFIG, if it is set)")
}
