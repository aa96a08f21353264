package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/overview"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/report"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/access"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/state"
	"github.com/vbcvault/vbcvault/pipeline"
	"github.com/vbcvault/vbcvault/pipeline/check"
	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// accountPage is what the page of one account shows.
type accountPage struct {
	shownAccount
	Name     string
	Runs     []shownRun
	Sum      *report.Section // what a report adds up; nil: it is being added up, or can't be
	Summed   time.Time
	Summing  bool
	Drawn    report.Drawn
	Audit    *shownAudit
	Auditing bool // this account is being audited
	Busy     bool // another one is
	Month    string
}

// shownRun is one run as the manifest remembers it.
type shownRun struct {
	manifest.Run
	Sum   pipeline.Summary
	Ended bool
	Took  time.Duration
}

// account shows one account.
func (s *Server) account(w http.ResponseWriter, r *http.Request) error {
	v, err := s.scopedVault(access.From(r.Context()), r.PathValue("account"))
	if err != nil {
		return err
	}
	st := s.stands(r.Context(), v, s.lastRuns(r.Context()))
	p := accountPage{shownAccount: st, Name: v.Name, Month: report.LastMonth(s.now()).Since.Format(manifest.MonthLayout)}
	if st.Overview != nil {
		for _, run := range st.Overview.Runs {
			one := shownRun{Run: run, Ended: !run.Finished.IsZero(), Took: run.Finished.Sub(run.Started)}
			if sum := overview.Ended(run); sum != nil {
				one.Sum = *sum
			}
			p.Runs = append(p.Runs, one)
		}
		if p.Sum, p.Summed, p.Summing = s.summed(r.Context(), v); p.Sum != nil {
			p.Drawn = p.Sum.Draw("m")
		}
	}
	p.Auditing, p.Busy = s.tasks.auditing(v.Name)
	if p.Audit, err = s.lastAudit(r.Context(), v.Name); err != nil {
		return err
	}
	if p.Auditing || p.Summing {
		w.Header().Set("Refresh", "5")
	}
	return s.show(w, r, http.StatusOK, "account", "Account "+cut(60, v.Name), p)
}

// adviceOn says what to do about a failure.
func adviceOn(f overview.Failure) string {
	if f.Acknowledged != "" {
		return "Acknowledged: " + f.Acknowledged
	}
	if about := code.About(code.Failures, f.Code); about.Advice != "" {
		return about.Advice
	}
	if f.Permanent {
		return "This will probably not end by itself: look at the recording in the VBC admin portal."
	}
	return "This may end by itself."
}

// troubleAdvice says what to do about trouble with VBC's listings.
func troubleAdvice(t overview.Trouble) string {
	if t.Acknowledged != "" {
		return "Acknowledged: " + t.Acknowledged
	}
	return code.About(code.Troubles, t.Code).Advice
}

// shownAudit is the last audit.
type shownAudit struct {
	state.Audit
	Found  check.AuditResult
	Advice []code.Entry // on each kind of what is wrong
}

func (s *Server) lastAudit(ctx context.Context, account string) (*shownAudit, error) {
	a, err := s.o.State.Audit(ctx, account)
	if err != nil || a == nil {
		return nil, err
	}
	shown := &shownAudit{Audit: *a}
	if !a.Failed {
		if err := json.Unmarshal(a.Result, &shown.Found); err != nil {
			return nil, fmt.Errorf("read an audit: %w", err)
		}
	}
	told := map[string]bool{}
	for _, f := range shown.Found.Findings {
		if f.Wrong && !told[f.Code] {
			told[f.Code] = true
			shown.Advice = append(shown.Advice, code.About(code.Audited, f.Code))
		}
	}
	return shown, nil
}
