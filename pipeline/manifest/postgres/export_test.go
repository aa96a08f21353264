package postgres

// WithLook has searches look at so many calls first, so that a test with few of them sees
// how they go on.
func WithLook(calls int) Option { return func(o *options) { o.look = calls } }
