package metrics

import _ "embed"

// Alerts are rules for Prometheus, as YAML: when a person must look, and what to do then.
//
//go:embed alerts.yaml
var Alerts []byte

// Dashboard is a dashboard for Grafana, as JSON.
//
//go:embed dashboard.json
var Dashboard []byte
