package service

import (
	"encoding/json"
	"fmt"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/schedule"
)

// timetableOf is when an account's work of a kind begins, the zero one if only when
// somebody asks. Each kind has its own part of the spread.
func timetableOf(a config.Account, kind Kind) (schedule.Timetable, error) {
	expression := kind.cron(a.Schedule)
	if expression == "" {
		return schedule.Timetable{}, nil
	}
	spec, err := schedule.Parse(expression, a.Schedule.Zone)
	if err != nil {
		return schedule.Timetable{}, fmt.Errorf("account %s: schedule of %s: %w", a.Name, kind, err)
	}
	return schedule.Timetable{Spec: spec, Offset: schedule.Offset(a.Name+"/"+string(kind), a.Schedule.Spread)}, nil
}

// reportOf is when the report is sent, the zero timetable if never.
func reportOf(c *config.Config) (schedule.Timetable, error) {
	if c.Report.Schedule == "" {
		return schedule.Timetable{}, nil
	}
	spec, err := schedule.Parse(c.Report.Schedule, c.Report.Zone)
	if err != nil {
		return schedule.Timetable{}, fmt.Errorf("schedule of the report: %w", err)
	}
	return schedule.Timetable{Spec: spec}, nil
}

// remembered is what a row keeps of its timetable. What can't be read counts as new.
func (r row) remembered() (m schedule.Memory) {
	if r.memory != "" && json.Unmarshal([]byte(r.memory), &m) != nil {
		return schedule.Memory{}
	}
	return m
}

// remember puts it into the row.
func (r *row) remember(d schedule.Due) error {
	text, err := json.Marshal(d.Memory)
	if err != nil {
		return fmt.Errorf("write the schedule: %w", err)
	}
	r.memory, r.next = string(text), d.Next
	return nil
}
