package web

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/access"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/handover"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/prove"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

func init() {
	routes = append(
		routes,
		route{"POST /handover", access.Download, (*Server).askHandover},
		route{"POST /handover/make", access.Download, (*Server).makeHandover},
		route{"GET /handover/{id}", access.Download, (*Server).handover},
		route{"GET /handover/{id}/recordings.zip", access.Download, (*Server).handoverFile},
	)
}

// handing is what is being handed over by this process.
type handing struct {
	mu    sync.Mutex
	now   map[string]*handingOver // by id; what has failed stays until the process ends, or a day
	slots chan struct{}
}

// handingOver is a hand-over that is being made.
type handingOver struct {
	who, role string
	total     int
	began     time.Time

	done   int // the rest is guarded by handing.mu
	failed bool
}

// atOnceHanded is how many hand-overs are made at the same time; others wait.
const atOnceHanded = 2

// longestHanding is how long making one may take.
const longestHanding = 4 * time.Hour

func (s *Server) spool() handover.Spool { return handover.Spool{Dir: s.o.Spool} }

// askPage asks for the reason of a hand-over.
type askPage struct {
	Picked []picked
	Bytes  int64
	Reason string
	Wrong  string
	Token  string
}

// askHandover shows what is to be handed over, and asks why. It changes nothing.
func (s *Server) askHandover(w http.ResponseWriter, r *http.Request) error {
	return s.askWhy(w, r, http.StatusOK, "")
}

func (s *Server) askWhy(w http.ResponseWriter, r *http.Request, status int, wrong string) error {
	if s.o.Spool == "" {
		return noSpool
	}
	if err := readForm(w, r); err != nil {
		return err
	}
	all, err := s.picked(r)
	if err != nil {
		return err
	}
	p := askPage{Picked: all, Reason: field(r, "reason"), Wrong: wrong, Token: token()}
	for _, one := range all {
		p.Bytes += max(0, one.Row.Bytes())
	}
	return s.show(w, r, status, "handoverask", "Hand over recordings", p)
}

// makeHandover begins to make one.
func (s *Server) makeHandover(w http.ResponseWriter, r *http.Request) error {
	if s.o.Spool == "" {
		return noSpool
	}
	if err := readForm(w, r); err != nil {
		return err
	}
	if reason := field(r, "reason"); reason == "" || len(reason) > longest {
		return s.askWhy(w, r, http.StatusUnprocessableEntity, "Write down why, in at most 1,000 characters.")
	}
	all, err := s.picked(r)
	if err != nil {
		return err
	}
	return s.once(w, r, func(ctx context.Context) (string, error) {
		v, now := access.From(ctx), s.now()
		id := rand.Text()
		p := &handover.Plan{ID: id, Name: "recordings-" + now.UTC().Format("20060102") + "-" + strings.ToLower(id[:6]), Who: v.Name, Role: roleOf(v),
			Reason: field(r, "reason"), At: now.UTC(), Program: s.o.Version}
		vaults := map[string]*handover.Vault{}
		for _, one := range all {
			if vaults[one.Vault.Name], err = handed(ctx, one.Vault); err != nil {
				return "", err
			}
			p.Items = append(p.Items, handover.Item{Vault: one.Vault.Name, Row: one.Row})
		}
		if err := s.Tidy(ctx); err != nil {
			s.log.Warn("what was handed over can't be tidied", "reason", err)
		}
		s.begin(p, vaults)
		return "/handover/" + id, nil
	})
}

// handed is a vault as hand-overs need it.
func handed(ctx context.Context, v *Vault) (*handover.Vault, error) {
	m, err := v.Manifest(ctx)
	if err != nil {
		return nil, err
	}
	proves, ok := m.(prove.Manifest)
	if !ok {
		return nil, fmt.Errorf("the manifest of %s has no receipts", v.Name)
	}
	store, err := v.Store(ctx)
	if err != nil {
		return nil, unreachable
	}
	return &handover.Vault{Name: v.Name, Manifest: proves, Store: store}, nil
}

// begin has a hand-over be made beside whoever waits for it.
func (s *Server) begin(p *handover.Plan, vaults map[string]*handover.Vault) {
	h := &s.handing
	h.mu.Lock()
	if h.now == nil {
		h.now, h.slots = map[string]*handingOver{}, make(chan struct{}, atOnceHanded)
	}
	one := &handingOver{who: p.Who, role: p.Role, total: len(p.Items), began: s.now()}
	h.now[p.ID] = one
	slots := h.slots
	h.mu.Unlock()
	go func() {
		slots <- struct{}{}
		defer func() { <-slots }()
		ctx, end := context.WithTimeout(context.Background(), longestHanding)
		defer end()
		p.Expires = s.now().Add(handover.Lasts)
		err := s.spool().Make(ctx, p, vaults, func(done int) {
			h.mu.Lock()
			defer h.mu.Unlock()
			one.done = done
		})
		h.mu.Lock()
		defer h.mu.Unlock()
		if err != nil {
			s.log.Error("a hand-over could not be made", "handover", p.ID, "reason", err)
			one.failed = true
			return
		}
		s.log.Info("hand-over made", "handover", p.ID, "recordings", len(p.Items), "by", p.Who)
		delete(h.now, p.ID)
		time.AfterFunc(handover.Lasts+time.Minute, func() {
			if err := s.Tidy(context.Background()); err != nil {
				s.log.Warn("what was handed over can't be tidied", "reason", err)
			}
		})
	}()
}

// Tidy removes hand-overs that have expired, and what a killed process has left of
// others. It is for the start, and now and then.
func (s *Server) Tidy(ctx context.Context) error {
	h, now := &s.handing, s.now()
	making := map[string]bool{}
	h.mu.Lock()
	for id, one := range h.now {
		if one.failed && now.Sub(one.began) > handover.Lasts {
			delete(h.now, id)
			continue
		}
		making[id] = true
	}
	h.mu.Unlock()
	return errors.Join(s.spool().Tidy(now, making), s.o.State.ForgetHanded(ctx, now.Add(-2*handover.Lasts)))
}

// roleOf is a digest of somebody's role with its limits: what was handed to one who has
// another by now isn't handed out any more.
func roleOf(v *access.Viewer) string {
	b, _ := json.Marshal(v.Role) //nolint:errchkjson // texts and numbers
	return storage.SumOf(b).String()
}

// handoverPage is what the page of one hand-over shows.
type handoverPage struct {
	*handover.Plan
	Path        string
	Size        int64
	Audio       int // recordings with audio
	WithProof   int
	Making      bool
	Failed      bool
	Done, Total int
}

// handover shows how far a hand-over is, or what is in it.
func (s *Server) handover(w http.ResponseWriter, r *http.Request) error {
	id, v := r.PathValue("id"), access.From(r.Context())
	s.handing.mu.Lock()
	one, being := s.handing.now[id]
	var p handoverPage
	if being {
		p = handoverPage{Making: !one.failed, Failed: one.failed, Done: one.done, Total: one.total}
		being = one.who == v.Name && one.role == roleOf(v)
	}
	s.handing.mu.Unlock()
	title := "Recordings to hand over"
	switch {
	case being && p.Making:
		w.Header().Set("Refresh", "2")
		return s.show(w, r, http.StatusOK, "handover", title, p)
	case being:
		return s.show(w, r, http.StatusInternalServerError, "handover", title, p)
	case p.Total > 0:
		return notFound
	}
	plan, err := s.plan(r)
	if err != nil {
		return err
	}
	p = handoverPage{Plan: plan, Path: "/handover/" + id + "/recordings.zip", Size: plan.Size(),
		Audio: len(plan.Items) - len(plan.Absent()), WithProof: len(plan.Items) - len(plan.Unproven())}
	return s.show(w, r, http.StatusOK, "handover", title, p)
}

// plan is a hand-over that whoever asks has made, and that can still be got.
func (s *Server) plan(r *http.Request) (*handover.Plan, error) {
	v := access.From(r.Context())
	p, err := s.spool().Plan(r.PathValue("id"), s.now())
	if errors.Is(err, handover.ErrNone) || err == nil && (p.Who != v.Name || p.Role != roleOf(v)) {
		return nil, noHandover
	}
	if err != nil {
		return nil, err
	}
	for _, i := range p.Items {
		if erased, err := s.erasedSince(r.Context(), i); err != nil || erased {
			return nil, errors.Join(err, s.dropErased(p, erased))
		}
	}
	return p, nil
}

var noHandover = &problem{http.StatusNotFound, "There is no such page",
	"The address is wrong, or what it led to can't be got any more: that is so after 24 hours, for others than whoever made it, and after a change of role.",
	"Search for the recordings and hand them over again."}

// erasedSince reports whether a recording was erased from the archive since it was handed
// over, or is no more.
func (s *Server) erasedSince(ctx context.Context, i handover.Item) (bool, error) {
	v := s.vaultNamed(i.Vault)
	if v == nil {
		return true, nil
	}
	m, err := v.Manifest(ctx)
	if err != nil {
		return false, err
	}
	row, err := m.Row(ctx, vbc.Key{Kind: vbc.Kind(i.Kind), Owner: i.Owner, ID: i.ID}, i.Nth)
	if errors.Is(err, manifest.ErrUnknown) {
		return true, nil
	}
	return i.Audio != "" && (row.State == manifest.Erasing || row.State == manifest.Erased), err
}

// dropErased removes a hand-over that names what was erased.
func (s *Server) dropErased(p *handover.Plan, erased bool) error {
	if !erased {
		return nil
	}
	if err := s.spool().Drop(p.ID); err != nil {
		return err
	}
	return noHandover
}
