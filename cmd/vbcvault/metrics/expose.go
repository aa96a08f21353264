package metrics

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/expfmt"
)

// Handler serves all of it to Prometheus, with the version of the program and what
// client_golang knows of the process; of says how this machine stands, nil if it is alone.
func (a *Accounts) Handler(version string, of func() Machine) http.Handler {
	r := prometheus.NewPedanticRegistry()
	info := prometheus.NewGauge(prometheus.GaugeOpts{Name: buildInfo.Name, Help: buildInfo.Help, ConstLabels: prometheus.Labels{"version": version}})
	info.Set(1)
	r.MustRegister(a, info, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if of != nil {
		r.MustRegister(machine{of})
	}
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{})
}

// ended are accounts without what is in progress: a file is written when a run has
// ended, and says nothing of the time until the next one does.
type ended struct{ *Accounts }

func (e ended) Collect(to chan<- prometheus.Metric) { e.collect(to, false) }

// write writes what there is of the accounts, in Prometheus' text format.
func (a *Accounts) write(w io.Writer) error {
	r := prometheus.NewPedanticRegistry()
	if err := r.Register(ended{a}); err != nil {
		return err
	}
	families, err := r.Gather()
	if err != nil {
		return err
	}
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(w, f); err != nil {
			return err
		}
	}
	return nil
}

// WriteFile writes what there is of the accounts as a file for node_exporter's textfile
// collector, in place of the one that is there. Whoever reads it sees the old one or the
// new one, whole; on nil the new one is on disk, and everybody may read it.
func (a *Accounts) WriteFile(path string) (err error) {
	// Its name doesn't end in .prom, so nobody reads it if a crash leaves it behind.
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".unfinished-")
	if err != nil {
		return fmt.Errorf("write metrics: %w", err)
	}
	defer func() {
		temp.Close()
		_ = os.Remove(temp.Name())
	}()
	if err := temp.Chmod(0o644); err != nil && runtime.GOOS != "windows" {
		return fmt.Errorf("write metrics: %w", err)
	}
	if err := errors.Join(a.write(temp), temp.Sync(), temp.Close()); err != nil {
		return fmt.Errorf("write metrics: %w", err)
	}
	if err := os.Rename(temp.Name(), path); err != nil {
		return fmt.Errorf("write metrics: %w", err)
	}
	return nil
}
