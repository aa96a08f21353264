package service

import (
	"errors"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// stuckAfter is how long the service's loop may give no sign before it counts as stuck.
// It gives one every ten seconds, and may have to begin work of hundreds of accounts on
// a slow disk in between.
const stuckAfter = 2 * time.Minute

// mostWaiting is how many messages wait for a systemd that doesn't take them.
const mostWaiting = 16

// Systemd is a Notifier for systemd (sd_notify(3)), for units of Type=notify or
// notify-reload with WatchdogSec=. Without NOTIFY_SOCKET in the environment it tells
// nobody. It is safe for concurrent use.
type Systemd struct {
	log      *slog.Logger
	messages chan string // nil = nobody listens
	sent     sync.WaitGroup
	closed   chan struct{}

	mu       sync.Mutex
	alive    time.Time // the last sign of the loop
	stopping bool      // the loop has ended, as it should
	status   string    // the last line
}

// NewSystemd begins to tell systemd, as the environment says. The caller closes it.
func NewSystemd(log *slog.Logger) *Systemd {
	n := &Systemd{log: log, alive: time.Now(), closed: make(chan struct{})}
	if os.Getenv("NOTIFY_SOCKET") == "" {
		return n
	}
	n.messages = make(chan string, mostWaiting)
	n.sent.Go(n.send)
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		log.Warn("systemd's watchdog can't be served", "reason", err)
	}
	if interval > 0 {
		n.sent.Go(func() { n.watchdog(interval / 2) })
	}
	return n
}

// Close sends what waits and ends; it takes a second at most.
func (n *Systemd) Close() {
	close(n.closed)
	done := make(chan struct{})
	go func() {
		defer close(done)
		n.sent.Wait()
	}()
	select {
	case <-done:
	case <-time.After(time.Second):
	}
}

// Ready says that the service works; also after Reloading.
func (n *Systemd) Ready() { n.tell(daemon.SdNotifyReady) }

// Reloading says that the configuration is read anew, until Ready.
func (n *Systemd) Reloading() {
	// systemd takes the message only with the moment at which it began.
	n.tell(daemon.SdNotifyReloading + "\n" + daemon.SdNotifyMonotonicUsec())
}

// Stopping says that the service comes to its end. From then on it is not stuck,
// however long the work takes that it waits for: TimeoutStopSec= is the limit.
func (n *Systemd) Stopping() {
	n.mu.Lock()
	n.stopping = true
	n.mu.Unlock()
	n.tell(daemon.SdNotifyStopping)
}

// Status says in a line what the service does; systemctl status shows it.
func (n *Systemd) Status(line string) {
	line = strings.Join(strings.Fields(line), " ") // a second line would be another message
	n.mu.Lock()
	same := n.status == line
	n.status = line
	n.mu.Unlock()
	if !same {
		n.tell("STATUS=" + line)
	}
}

// Alive is the loop's sign of life.
func (n *Systemd) Alive() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.alive = time.Now()
}

// Stuck is nil as long as the loop gives signs of life.
func (n *Systemd) Stuck() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.stopping || time.Since(n.alive) < stuckAfter {
		return nil
	}
	return errors.New("the service gives no sign of life since " + stamp(n.alive))
}

// watchdog keeps systemd from killing the service as long as its loop is alive.
func (n *Systemd) watchdog(every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for said := false; ; {
		select {
		case <-n.closed:
			return
		case <-tick.C:
		}
		err := n.Stuck()
		if err == nil {
			n.tell(daemon.SdNotifyWatchdog)
		} else if !said {
			n.log.Error("systemd's watchdog is left to strike", "reason", err)
		}
		said = err != nil
	}
}

// tell hands a message over. It doesn't wait: a systemd that takes none must not stop
// the service.
func (n *Systemd) tell(message string) {
	if n.messages == nil {
		return
	}
	select {
	case n.messages <- message:
	default:
		n.log.Debug("systemd takes no messages; one is dropped")
	}
}

// send sends the messages, in their order.
func (n *Systemd) send() {
	for failed := false; ; {
		var message string
		select {
		case message = <-n.messages:
		case <-n.closed:
			select {
			case message = <-n.messages:
			default:
				return
			}
		}
		_, err := daemon.SdNotify(false, message)
		if err != nil && !failed {
			n.log.Warn("systemd can't be told how the service is", "reason", err)
		}
		failed = err != nil
	}
}
