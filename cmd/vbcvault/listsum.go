package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/dustin/go-humanize"

	"github.com/vbcvault/vbcvault/pipeline/catalog"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// sum counts instead of showing.
func (f *listFlags) sum(ctx context.Context, m manifest.Search, out io.Writer) error {
	groups, total, err := m.Count(ctx, f.query, manifest.Grouping(f.by), f.location)
	if err != nil {
		return err
	}
	if f.by == "" {
		groups = []manifest.Count{total}
	}
	switch {
	case f.asJSON:
		return f.sumLines(out, groups)
	case f.asCSV:
		return f.sumCells(out, groups)
	}
	f.sumTable(out, groups, total)
	return nil
}

// figures are what is asked for of a count, with their names.
func (f *listFlags) figures(c manifest.Count) (names []string, values []int64) {
	if f.count {
		names, values = append(names, "recordings"), append(values, c.Recordings)
	}
	if f.sumBytes {
		names, values = append(names, "bytes"), append(values, c.Bytes)
	}
	return names, values
}

func (f *listFlags) sumLines(out io.Writer, groups []manifest.Count) error {
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	for _, g := range groups {
		line := map[string]any{}
		if f.by != "" {
			line[f.by] = g.Group
		}
		names, values := f.figures(g)
		for i, name := range names {
			line[name] = values[i]
		}
		if err := enc.Encode(line); err != nil {
			return err
		}
	}
	return nil
}

func (f *listFlags) sumCells(out io.Writer, groups []manifest.Count) error {
	w := csv.NewWriter(out)
	names, _ := f.figures(manifest.Count{})
	if f.by != "" {
		names = append([]string{f.by}, names...)
	}
	_ = w.Write(names) // the last line says it
	for _, g := range groups {
		var cells []string
		if f.by != "" {
			cells = append(cells, catalog.Harmless(g.Group))
		}
		_, values := f.figures(g)
		for _, v := range values {
			cells = append(cells, strconv.FormatInt(v, 10))
		}
		_ = w.Write(cells)
	}
	w.Flush()
	return w.Error()
}

func (f *listFlags) sumTable(out io.Writer, groups []manifest.Count, total manifest.Count) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	defer w.Flush()
	heading := strings.ToUpper(f.by)
	if f.by == string(manifest.ByMonth) {
		heading += " (" + inZone(f.location) + ")"
	}
	if f.by != "" {
		names, _ := f.figures(total)
		fmt.Fprintf(w, "%s\t%s\t\n", heading, strings.ToUpper(strings.Join(names, "\t")))
		for _, g := range groups {
			f.sumLine(w, orNothing(printable(g.Group, 40)), g)
		}
	}
	f.sumLine(w, "total", total)
}

func (f *listFlags) sumLine(w io.Writer, name string, c manifest.Count) {
	fmt.Fprintf(w, "%s\t", name)
	if f.count {
		fmt.Fprintf(w, "%s\t", humanize.Comma(c.Recordings))
	}
	if f.sumBytes {
		fmt.Fprintf(w, "%s\t", humanize.IBytes(uint64(c.Bytes)))
	}
	fmt.Fprintln(w)
}

func orNothing(s string) string {
	if s == "" {
		return "(none)"
	}
	return s
}
