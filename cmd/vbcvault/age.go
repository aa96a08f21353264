package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// inMinutes are the parts of an age with minutes, in the order of units that
// model.ParseDuration wants.
var inMinutes = regexp.MustCompile(`^([0-9]+y)?([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+)m([0-9]+s)?([0-9]+ms)?$`)

// parseAge reads ages such as 90d, 2w, 1y, 36h. Minutes are refused: nobody
// counts the age of a recording in them, and whoever means months by 6m would
// have it deleted after six minutes.
func parseAge(flag, s string) (time.Duration, error) {
	d, err := model.ParseDuration(s)
	if err != nil {
		return 0, usagef(meantBy(s), "--%s %q is not a duration", flag, s)
	}
	if parts := inMinutes.FindStringSubmatch(s); parts != nil {
		return 0, usagef(minutesOrMonths(parts), "--%s %s: minutes or months?", flag, s)
	}
	return time.Duration(d), nil
}

// minutesOrMonths writes an age with minutes in the two ways that may be meant.
func minutesOrMonths(parts []string) string {
	y, w, d, h, s, ms := parts[1], parts[2], parts[3], parts[4], parts[6], parts[7]
	n := leading(parts[5])
	and := y + w + d + h + s + ms
	if and != "" {
		and += " and "
	}
	minutes := y + w + d + h + fmt.Sprintf("%ds", 60*n+leading(s)) + ms
	months := y + w + fmt.Sprintf("%dd", daysOf(n)+leading(d)) + h + s + ms
	hint := fmt.Sprintf("write %s for %s%s", minutes, and, counted(n, "minute"))
	if _, err := model.ParseDuration(months); err == nil { // else nobody lives so long
		hint += fmt.Sprintf(", or %s for %sabout %s", months, and, counted(n, "month"))
	}
	return hint
}

var numberAndUnit = regexp.MustCompile(`^([0-9]{1,6})\s*([A-Za-z]*)$`)

// meantBy says how to write what isn't an age.
func meantBy(s string) string {
	const form = "write it as in 90d, 2w, 1y or 36h"
	parts := numberAndUnit.FindStringSubmatch(strings.TrimSpace(s))
	if parts == nil {
		return form
	}
	n, unit := leading(parts[1]), parts[2]
	if unit != "M" { // which is no minute
		unit = strings.TrimSuffix(strings.ToLower(unit), "s")
	}
	switch unit {
	case "":
		return fmt.Sprintf("add a unit: %s is %dd; other units are s, h, w and y", counted(n, "day"), n)
	case "M", "mo", "mon", "month":
		return fmt.Sprintf("write %dd for about %s", daysOf(n), counted(n, "month"))
	case "min", "minute":
		return fmt.Sprintf("write %ds for %s", 60*n, counted(n, "minute"))
	}
	return form
}

// daysOf are about so many months. Whole years have the days that 1y has.
func daysOf(months int64) int64 { return months/12*365 + months%12*30 }

// leading is the number that a part begins with, 0 if there is none.
func leading(part string) int64 {
	n, _ := strconv.ParseInt(strings.TrimRight(part, "ywdhms"), 10, 64) // its form was checked
	return n
}

func counted(n int64, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
