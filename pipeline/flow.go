package pipeline

import (
	"context"
	"iter"

	"golang.org/x/sync/errgroup"
)

// each calls do for every item, on so many workers at once. It ends with the
// first error of items or of do, or with the cause of ctx's end: having been
// cancelled never looks like having finished. do has returned everywhere when
// each returns.
func each[T any](ctx context.Context, workers int, items iter.Seq2[T, error], do func(context.Context, T) error) error {
	g, ctx := errgroup.WithContext(ctx)
	ch := make(chan T)
	g.Go(func() error {
		defer close(ch)
		for item, err := range items {
			if err != nil {
				return err
			}
			if err := send(ctx, ch, item); err != nil {
				return err
			}
		}
		return nil
	})
	for range workers {
		g.Go(func() error {
			for item := range ch {
				// An item that was sent at the moment of cancellation isn't begun.
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				if err := do(ctx, item); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// send hands item over unless ctx ends first.
func send[T any](ctx context.Context, ch chan<- T, item T) error {
	select {
	case ch <- item:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
