package notify

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// Try sends a test message through the notifiers of these names, in their order; no
// names are all. It changes nothing in what they have been told. healthchecks gets a
// line in its log, which doesn't change whether the check is up.
func (t *Teller) Try(ctx context.Context, names ...string) []Result {
	m := Message{ID: prefix + uuid.NewString(), Kind: Test, At: time.Now().UTC(), Title: oneLine("this is a test from " + t.host + "; nothing is wrong"),
		Points: []Point{{Text: "vbcvault notify test has sent this. What happens to your accounts is told in the same way."}}}
	if len(names) == 0 {
		names = t.Names()
	}
	letters := make([]Letter, len(names))
	for i, name := range names {
		letters[i] = Letter{Notifier: name, Message: m}
		if n, _ := t.find(name); len(n.Accounts) > 0 {
			letters[i].Message.Account = n.Accounts[0] // for {account} in an address
		}
	}
	results := make([]Result, len(letters))
	for i, l := range letters {
		results[i] = Result{l.Notifier, t.Send(ctx, l)} // once: whoever waits for it wants to see why it fails
	}
	return results
}
