package s3store

import "context"

// buffers are so many buffers of a part's size, shared by all uploads: they
// bound the memory, however many uploads there are. Each is made when it is
// first needed. An upload holds one while it fills and sends a part.
type buffers struct {
	made   chan []byte
	unmade chan struct{} // permissions to make one
	size   int           // bytes of each
}

func newBuffers(n, size int) *buffers {
	b := &buffers{made: make(chan []byte, n), unmade: make(chan struct{}, n), size: size}
	for range n {
		b.unmade <- struct{}{}
	}
	return b
}

// take waits for a buffer.
func (b *buffers) take(ctx context.Context) ([]byte, error) {
	select {
	case buffer := <-b.made:
		return buffer, nil
	default:
	}
	select {
	case buffer := <-b.made:
		return buffer, nil
	case <-b.unmade:
		return make([]byte, b.size), nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (b *buffers) give(buffer []byte) { b.made <- buffer }

// Buffers is how many uploads may hold a part in memory at once, for so many
// connections: an upload waits for a part of another's, not for all of it.
func Buffers(connections int) int {
	const fewest = 8
	return max(fewest, connections/2)
}

// PartSize is how many bytes each of them holds.
const PartSize = defaultPart
