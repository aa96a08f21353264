package pipeline

import "time"

// Cost is how many requests at VBC something takes, retries aside.
type Cost struct {
	Direct int64 `json:"direct"` // with each audio downloaded by itself
	Export int64 `json:"export"` // with exports, where that is fewer
}

// CostOf is what it costs to list and archive so many recordings, and to purge
// so many: a listing before, and one of what was purged after. What transcripts
// cost comes on top.
func CostOf(archive, purge, transcripts int64) Cost {
	pages := func(n int64) int64 { return (n + DefaultPage - 1) / DefaultPage }
	lists := pages(max(archive, purge)) + pages(min(purge, 1)) + transcripts
	return Cost{
		Direct: lists + archive + purge,
		Export: lists + min(archive, (archive+sliceSize-1)/sliceSize*exportCost) + purge,
	}
}

// DefaultPage is how many recordings a page is taken to hold where VBC hasn't
// said.
const DefaultPage = 100

// DefaultInterval is the time between two requests in VBC's default quota, 10
// a minute.
const DefaultInterval = 6 * time.Second

// tokenLasts is how long a token is good: each day costs one request more.
const tokenLasts = 24 * time.Hour

// Takes is how long so many requests take, one every interval.
func Takes(requests int64, interval time.Duration) time.Duration {
	d := time.Duration(requests) * interval
	return d + (d/tokenLasts+1)*interval
}
