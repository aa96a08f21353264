//go:build race

package main_test

// raceEnabled says that the program has the race detector too.
const raceEnabled = true
