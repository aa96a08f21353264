// Duckdb runs the SQL that it reads from standard input in a new DuckDB in
// memory, and prints each row of the last statement as a line of JSON. Tests
// read with it what vbcvault has written: it shares no line of code with it.
// It is a module of its own, so that nothing of it becomes vbcvault's.
package main

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"os"

	_ "github.com/duckdb/duckdb-go/v2" // the driver, with DuckDB in it
)

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "duckdb:", err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer) error {
	text, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	db, err := sql.Open("duckdb", "")
	if err != nil {
		return err
	}
	defer db.Close()
	rows, err := db.Query(string(text))
	if err != nil {
		return err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	lines := json.NewEncoder(out)
	for rows.Next() {
		values, to := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			to[i] = &values[i]
		}
		if err := rows.Scan(to...); err != nil {
			return err
		}
		line := map[string]any{}
		for i, name := range columns {
			line[name] = values[i]
		}
		if err := lines.Encode(line); err != nil {
			return err
		}
	}
	return rows.Err()
}
