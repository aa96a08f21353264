package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Machine is how one of several machines stands that share a database, as it knows itself.
type Machine struct {
	Serves     bool // it begins work: it isn't drained, has the configuration that holds, and reaches the database
	Machines   int  // that are alive, with this one
	Places     int
	InProgress int
	ClockAhead time.Duration // of the database's
}

// ofMachine adds a metric of a machine to the table. It has no labels: Prometheus knows
// which machine it has asked.
func ofMachine(name, unit, help string) *Metric {
	m := of(name, gauge, unit, help)
	m.Labels = nil
	machines = append(machines, m)
	return m
}

var machines []*Metric

var (
	machineServes   = ofMachine("machine_serves", "0 or 1", "Whether this machine begins work: it is not drained, has the configuration that holds, and reaches the database.")
	machineOthers   = ofMachine("machines", "machines", "Machines that share the database and are alive, as this one sees it.")
	machinePlaces   = ofMachine("machine_places", "accounts", "Accounts that this machine works on at the same time, at most.")
	machineProgress = ofMachine("machine_in_progress", "accounts", "Accounts that this machine works on.")
	machineAhead    = ofMachine("machine_clock_ahead_seconds", "seconds", "How much this machine's clock is ahead of the database's; negative = behind.")
)

// machine collects the metrics of a machine.
type machine struct{ read func() Machine }

func (m machine) Describe(to chan<- *prometheus.Desc) {
	for _, one := range machines {
		to <- one.desc()
	}
}

func (m machine) Collect(to chan<- prometheus.Metric) {
	is := m.read()
	for one, value := range map[*Metric]float64{
		machineServes: number(is.Serves), machineOthers: float64(is.Machines), machinePlaces: float64(is.Places),
		machineProgress: float64(is.InProgress), machineAhead: is.ClockAhead.Seconds(),
	} {
		to <- prometheus.MustNewConstMetric(one.desc(), prometheus.GaugeValue, value)
	}
}
