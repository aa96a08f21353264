package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/vbcvault/vbcvault/pipeline/proof"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
)

func newCheckProof(s streams) *cobra.Command {
	var keys []string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check-proof DIR --key KEY",
		Short: "Check a directory that prove has written, on any machine",
		Long: `Check-proof reads a directory that vbcvault prove has written, every byte of it,
and prints what it proves. It needs the directory and the key of the log, and
nothing else: no manifest, no archive, no network.

--key is the key, or a file that contains it. Get it from the operator of the
archive or from an earlier report, but not out of the directory: whoever made
the directory also wrote the key.txt in it. If the proof has receipts of several
logs with different keys, give --key several times, or a file with a key in
each line.

The exit code is 1 if anything is wrong: each problem names a file. The page
index.html is not signed, so rely on what check-proof prints.`,
		Example: `  vbcvault check-proof case-4711 --key vbcvault/k3x…+1a2b3c4d+AS…
  vbcvault check-proof case-4711 --key operator-key.txt --json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			st, err := checkProof(cmd.Context(), args[0], keys)
			if asJSON {
				return errors.Join(err, printJSON(s.out, st, err))
			}
			if len(st.Logs) > 0 || len(st.Problems) > 0 {
				printStatement(s, st)
			}
			return err
		},
	}
	cmd.Flags().StringArrayVar(&keys, "key", nil, "the `KEY` of a log, or a file that contains it; several times for several")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

func checkProof(ctx context.Context, dir string, given []string) (proof.Statement, error) {
	var st proof.Statement
	if len(given) == 0 {
		return st, usagef("ask the operator of the archive for the key, which vbcvault audit --key prints; then use --key",
			"--key is required: the key.txt in the directory proves nothing by itself, because whoever made the directory wrote it")
	}
	verifiers, err := givenKeys("--key", given)
	if err != nil {
		return st, err
	}
	keys, err := receipt.NewKeys(verifiers...)
	if err != nil {
		return st, err
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return st, usagef("name the directory that vbcvault prove has written", "%s is not a directory that can be read", dir)
	}
	if st, err = proof.Check(ctx, dir, keys); err != nil {
		return st, stopped(ctx.Err(), err)
	}
	if !st.Intact {
		err = &exitError{code: exitIncomplete, err: errors.New("this proves nothing; the first problem: " + st.Problems[0] +
			". Check that --key gives the right key, and one for each log; if so, ask for the directory again")}
	}
	return st, err
}

func printStatement(s streams, st proof.Statement) {
	for _, p := range st.Problems {
		fmt.Fprintln(s.out, "problem:", p)
	}
	if !st.Intact {
		fmt.Fprintln(s.out, "\nTHIS IS NOT A PROOF. Do not rely on anything in the directory.")
		return
	}
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	owner := ""
	if st.Owner != "" {
		owner = " of user " + st.Owner
	}
	fmt.Fprintf(w, "recording\t%d (%s%s), account %s\n", st.ID, st.Kind, owner, st.Account)
	if !st.Start.IsZero() {
		fmt.Fprintf(w, "start\t%s\n", st.Start.Format(time.RFC3339))
	}
	for _, c := range st.Copy {
		fmt.Fprintf(w, "%s\t%s, %s bytes, SHA-256 %s\n", c.What, c.Name, humanize.Comma(c.Size), c.SHA256)
	}
	for _, l := range st.Logs {
		fmt.Fprintf(w, "log\t%s with %s entries, root %s, receipts in this proof: %d\n", l.Chain, humanize.Comma(l.Size), l.Root, l.Receipts)
		fmt.Fprintf(w, "signed by\t%s\n", l.Verifier)
	}
	w.Flush()
	fmt.Fprintln(s.out)
	for _, e := range st.Events {
		fmt.Fprintf(s.out, "%s  %s\n", e.At.Format(time.RFC3339), e.Says)
	}
	fmt.Fprintf(s.out, "\n%s\nThe proof is intact: every byte of the copy and of the receipts was checked.\n"+
		"The page index.html is not signed: rely on the text above.\n", st.Summary)
}
