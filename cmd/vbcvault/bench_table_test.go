//go:build unix

package main_test

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// spread is the median of some values, and the least and the most of them.
type spread struct{ median, least, most float64 }

func spreadOf(values []float64) spread {
	slices.Sort(values)
	n := len(values)
	return spread{(values[(n-1)/2] + values[n/2]) / 2, values[0], values[n-1]}
}

// String is as in "1.52 [1.49..1.60]".
func (s spread) String() string {
	return fmt.Sprintf("%.2f [%.2f..%.2f]", s.median, s.least, s.most)
}

// counted is the median of requests, if there were any.
func counted(s spread) string {
	if s.most == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f", s.median)
}

// relative is what somebody needed of something relative to somebody else in the same
// round, over all rounds.
func (r rounds) relative(name, to string, of func(outcome) float64) spread {
	var all []float64
	for _, round := range r.each {
		all = append(all, of(round[name])/of(round[to]))
	}
	return spreadOf(all)
}

// absolute is what somebody needed of something.
func (r rounds) absolute(name string, of func(outcome) float64) spread {
	var all []float64
	for _, round := range r.each {
		all = append(all, of(round[name]))
	}
	return spreadOf(all)
}

func wall(o outcome) float64        { return o.wall }
func cpu(o outcome) float64         { return o.cpu }
func peak(o outcome) float64        { return o.peak }
func vbcRequests(o outcome) float64 { return o.vbc }
func s3Requests(o outcome) float64  { return o.s3 }

// table prints the rounds of some loads as the manual has them: what each contestant has
// needed relative to the loop, and how many requests it has made for each recording.
func table(w io.Writer, all []rounds) {
	if len(all) == 0 {
		return
	}
	fmt.Fprint(w, "\n| recordings of | | wall time | CPU time | peak memory | requests to VBC | to S3 |\n|---|---|---|---|---|---|---|\n")
	for _, r := range all {
		first := r.says
		row := func(name string, cells ...string) {
			line := "|"
			for _, cell := range append([]string{first, name}, cells...) {
				if cell != "" {
					cell += " "
				}
				line += " " + cell + "|"
			}
			fmt.Fprintln(w, line)
			first = ""
		}
		for _, name := range r.names {
			requests := []string{counted(r.absolute(name, vbcRequests)), counted(r.absolute(name, s3Requests))}
			row(strings.ReplaceAll(name, "-", " "), append(r.against(name, floor), requests...)...)
			r.databaseRow(name, row)
		}
		if slices.Contains(r.names, oldProgram) && slices.Contains(r.names, newProgram) {
			row(newProgram+" / "+oldProgram, append(r.against(newProgram, oldProgram), "", "")...)
		}
	}
	fmt.Fprintln(w)
}

// against are the cells of what somebody needed relative to somebody else.
func (r rounds) against(name, to string) []string {
	cells := []string{"1", "1", "1"}
	if name != to {
		for i, of := range []func(outcome) float64{wall, cpu, peak} {
			cells[i] = r.relative(name, to, of).String()
		}
	}
	if r.absolute(to, peak).median == 0 {
		cells[2] = "–"
	}
	return cells
}

// databaseRow is what the server of somebody's manifest needed.
func (r rounds) databaseRow(name string, row func(string, ...string)) {
	var all []float64
	for _, round := range r.each {
		all = append(all, round[name].databaseCPU/round[floor].cpu)
	}
	if s := spreadOf(all); s.most > 0 {
		row("its server", "", s.String(), "", "", "")
	}
}
