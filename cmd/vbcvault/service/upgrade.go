package service

import "context"

// Upgrade makes the tables of the state that several machines share, and those of its
// queue, or brings them up to date; machines may be at work. It takes the owner of the
// tables: machines need no right to. sh is closed.
func Upgrade(ctx context.Context, sh Shared, program string) error {
	s, err := openShared(ctx, sh, program, true)
	if err != nil {
		return err
	}
	return s.Close()
}
