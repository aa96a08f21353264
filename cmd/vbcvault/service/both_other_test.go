//go:build !unix

package service

import "testing"

// onBoth tests a machine that is alone: PostgreSQL's tests need Unix.
func onBoth(t *testing.T, test func(*testing.T, builder)) { test(t, newHouse) }
