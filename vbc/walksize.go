package vbc

import (
	"net/http"
)

// shrink makes the pages smaller that are asked for, if the error of one may
// come from its size and smaller ones haven't been tried.
func (w *walk) shrink(err error, number int) bool {
	how := forSize(err)
	if e := AsError(err); e != nil && e.Status == http.StatusBadRequest && w.guess && len(w.query) > 0 {
		how = notForSize
	}
	if how == notForSize || w.size <= smallest || number == 0 && w.first != 0 {
		return false
	}
	if w.shrunk = true; how == bySize {
		w.size = max(smallest, w.size/2)
	} else {
		w.size = w.sizes.instead(w.size) // if it isn't the size, little is lost; if it is, they grow again
	}
	return true
}

// grow notes a page that came, and makes those to come larger after so many.
func (w *walk) grow() bool {
	size := w.sizes.worked(w.size, w.wanted, w.shrunk)
	w.shrunk = false
	if size == w.size {
		return false
	}
	w.size = size
	return true
}

// isSmaller notes whether the server has made a page smaller than before.
func (w *walk) isSmaller(p page) bool {
	served := p.size
	if served == 0 {
		served = p.n
	}
	if served == 0 || served >= p.asked || w.served > 0 && served >= w.served {
		return false
	}
	if w.served = served; w.read > 1 {
		w.places -= p.n // it wasn't where it was thought to be
	}
	return true
}

// renumber is the page with which to go on where the pages' size is another now.
// It may begin with something that has come already.
func (w *walk) renumber(number int) int {
	if number == unnamed || w.first == unnamed {
		return unnamed
	}
	size := w.size
	if w.served > 0 {
		size = min(size, w.served)
	}
	skip := w.reach / size
	if w.first == 1 && w.read > 0 && size > w.last.asked {
		skip = max(0, skip-1) // perhaps there is a page 0 before it
	}
	w.places, w.back, w.shifted, w.resized = skip*size, true, true, true
	return w.first + skip
}

// overlap is how many pages may bring nothing new after a renumber, as what a
// walk begins to count stale pages from.
func (w *walk) overlap() int { return -w.last.asked/w.size - 1 }
