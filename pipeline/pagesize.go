package pipeline

// expectPages begins with a size of listing pages that an earlier run has
// learned. A smaller one than usual was learned in trouble, so the client is to
// find its way back; --page-size is a size to begin with, whatever was learned.
func (r *run) expectPages(learned int) {
	switch {
	case r.policy.PageSize > 0 || learned == 0:
	case learned < sliceSize:
		r.vbc.ExpectPages(learned)
	default:
		r.granted.Store(int64(learned))
	}
}

// learnedPages is the size of listing pages that later runs are to begin with, 0
// if nothing was learned: that VBC gave what --page-size asked for is no news.
func (r *run) learnedPages() int {
	size := int(r.granted.Load())
	if size == r.policy.PageSize && !r.vbc.PagesRefused() {
		return 0
	}
	return size
}
