// Package flow has things done by several at once, and in order behind each
// other. Nobody else begins goroutines for work on recordings.
package flow

import (
	"context"
	"io"
	"iter"

	"golang.org/x/sync/errgroup"
)

// Each calls do for every item, on so many workers at once. It ends with the
// first error of items or of do, or with the cause of ctx's end: having been
// cancelled never looks like having finished. do has returned everywhere when
// each returns.
func Each[T any](ctx context.Context, workers int, items iter.Seq2[T, error], do func(context.Context, T) error) error {
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

// Ahead has items made while those before are being worked on: at most so many
// wait, and one at least. Whatever way the loop over it ends, nothing is being made any
// more.
func Ahead[T any](ctx context.Context, most int, items func(context.Context) iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		ch := make(chan T, max(most, 1)-1) // and one is held by whoever makes them
		var g errgroup.Group
		g.Go(func() error {
			defer close(ch)
			for item, err := range items(ctx) {
				if err != nil {
					return err
				}
				if err := send(ctx, ch, item); err != nil {
					return err
				}
			}
			return nil
		})
		for item := range ch {
			if !yield(item, nil) {
				cancel()
				for range ch { // let it come to its end
				}
				_ = g.Wait() // whoever left the loop knows why
				return
			}
		}
		if err := g.Wait(); err != nil {
			var none T
			yield(none, err)
		}
	}
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

// Piped is a reader of what write writes. end, which must be called, has write
// come to its end, whether everything was read or not.
func Piped(write func(io.Writer) error) (r io.Reader, end func()) {
	from, to := io.Pipe()
	var g errgroup.Group
	g.Go(func() error { return to.CloseWithError(write(to)) })
	return from, func() {
		_ = from.Close()
		_ = g.Wait() // the reader was told
	}
}
