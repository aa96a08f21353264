package sqlite

// Twice has each change carried out in vain before it is carried out, as it is next to
// one that fails.
func Twice(m *Manifest) {
	writer := m.queue
	m.queue = make(chan write)
	go func(queue chan write) {
		for w := range queue {
			change := w.change
			w.change = func(tx txn) error {
				_, err := tx.(*writes).apart(func(tx txn) error {
					_ = change(tx)
					return errFailed
				})
				if err != nil {
					return err
				}
				return change(tx)
			}
			writer <- w
		}
		close(writer)
	}(m.queue)
}
