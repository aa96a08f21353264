package web

import (
	"strconv"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// long is a number as humanize.Comma takes it.
func long(n int) int64 { return int64(n) }

// holdRows are recordings of an account for a part of a page.
func holdRows(p page, account string, rows []manifest.Row) rowsOf { return rowsOf{p, account, rows} }

// rowsOf are recordings of an account, as a part of a page shows them.
type rowsOf struct {
	Page    page
	Account string
	Rows    []manifest.Row
}

// px is a place in a drawing.
func px(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) }

func plus(a, b float64) float64 { return a + b }
