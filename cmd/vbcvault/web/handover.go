package web

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"strconv"
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

// pickOf names a recording in the forms of the page.
func pickOf(account string, row manifest.Row) string {
	return strings.TrimPrefix(pathOf(account, row), "/call/")
}

// picked is a recording that somebody has picked.
type picked struct {
	Pick  string
	Vault *Vault
	Row   manifest.Row
}

// Path is the address of its page.
func (p picked) Path() string { return pathOf(p.Vault.Name, p.Row) }

// picked are the recordings that a form names, each once. What isn't there and what
// whoever asks must not see is the same error: notFound.
func (s *Server) picked(r *http.Request) (all []picked, err error) {
	if search := r.PostFormValue("search"); search != "" {
		return s.pickedBy(r, search)
	}
	seenPick := map[string]bool{}
	if len(r.PostForm["pick"]) > handover.Most {
		return nil, tooMany
	}
	for _, pick := range r.PostForm["pick"] {
		if seenPick[pick] {
			continue
		}
		seenPick[pick] = true
		sub, err := http.NewRequestWithContext(r.Context(), http.MethodGet, "/call/"+pick, nil)
		if err != nil {
			return nil, notFound
		}
		parts := strings.Split(strings.TrimPrefix(sub.URL.Path, "/call/"), "/")
		if len(parts) != 5 {
			return nil, notFound
		}
		for i, name := range []string{"account", "kind", "owner", "id", "nth"} {
			sub.SetPathValue(name, parts[i])
		}
		v, _, row, err := s.recording(sub)
		if err != nil {
			return nil, err
		}
		all = append(all, picked{pick, v, row})
	}
	if len(all) == 0 {
		return nil, nothingPicked
	}
	return all, nil
}

// pickedBy are the recordings that a search finds, by the address of it.
func (s *Server) pickedBy(r *http.Request, search string) (all []picked, err error) {
	_, query, _ := strings.Cut(search, "?")
	parameters, err := url.ParseQuery(query)
	if err != nil {
		return nil, notFound
	}
	form, viewer := readQuery(parameters), access.From(r.Context())
	q := form.query(zoneOf(r))
	if len(form.Wrong) > 0 {
		return nil, notFound
	}
	q.Scope, q.Limit = viewer.Scope(s.now()), handover.Most+1
	ctx, cancel := context.WithTimeout(r.Context(), s.searchTakes)
	defer cancel()
	for _, v := range s.scopedVaults(viewer) {
		if form.Account != "" && v.Name != form.Account {
			continue
		}
		m, err := v.Manifest(ctx)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for row, err := range m.Search(ctx, q) {
			if err != nil {
				return nil, err
			}
			if all = append(all, picked{pickOf(v.Name, row), v, row}); len(all) > handover.Most {
				return nil, tooMany
			}
		}
	}
	if len(all) == 0 {
		return nil, nothingPicked
	}
	return all, nil
}

var (
	tooMany = &problem{http.StatusUnprocessableEntity, "These are too many recordings",
		"At most " + strconv.Itoa(handover.Most) + " recordings can be handed over at once.", "Go back and choose fewer: for instance, one month after the other."}
	nothingPicked = &problem{http.StatusUnprocessableEntity, "No recordings are selected",
		"There is nothing to hand over.", "Go back and mark the recordings that you mean."}
	noSpool = &problem{http.StatusNotFound, "Selections can't be handed over here",
		"This page was started without a place for that.", "Download the recordings one by one, or ask whoever looks after vbcvault."}
)

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

// handoverFile sends the ZIP, or a part of it. Each recording is in the listening log,
// once for each sign-in, before its first byte is sent.
func (s *Server) handoverFile(w http.ResponseWriter, r *http.Request) error {
	p, err := s.plan(r)
	if err != nil {
		return err
	}
	f, err := s.spool().Open(r.Context(), p, handover.Source{Begin: s.beginItem(p), Store: s.storeOf(p), Wrong: s.wrongItem(p)})
	if err != nil {
		return err
	}
	defer f.Close()
	if strings.Contains(r.Header.Get("Range"), ",") {
		r.Header.Del("Range") // nobody asks for several parts of a ZIP, and all of it is an answer too
	}
	h := w.Header()
	h.Set("ETag", f.ETag)
	h.Set("Content-Type", "application/zip")
	h.Set("Content-Disposition", `attachment; filename="`+p.Name+`.zip"`)
	h.Set("Cache-Control", "private, no-store")
	http.ServeContent(w, r, "", time.Time{}, f)
	if err := f.Err(); err != nil {
		if r.Context().Err() == nil {
			s.log.Error("a hand-over broke off", "handover", p.ID, "reason", err)
		}
		panic(http.ErrAbortHandler) // so that nobody takes for whole what isn't
	}
	return nil
}

// beginItem writes down who gets a recording, unless that was done for this sign-in.
func (s *Server) beginItem(p *handover.Plan) func(context.Context, int) error {
	begun := map[int]bool{}
	return func(ctx context.Context, n int) error {
		if begun[n] || p.Items[n].Audio == "" {
			return nil
		}
		viewer, i := access.From(ctx), p.Items[n]
		session := storage.SumOf([]byte(viewer.Session + "\x00" + viewer.Name)).String()
		is, err := s.o.State.Handed(ctx, p.ID, session, n)
		if err != nil {
			return err
		}
		if !is {
			row := manifest.Row{Recording: vbc.Recording{Kind: vbc.Kind(i.Kind), Owner: i.Owner, ID: i.ID, Nth: i.Nth, Start: i.Start}}
			// Two transfers at once are one listening, too.
			one := storage.SumOf([]byte(p.ID + "\x00" + session + "\x00" + strconv.Itoa(n))).String()[:32]
			if err := s.listened(ctx, s.vaultNamed(i.Vault), row, manifest.Exported, p.Reason, one); err != nil {
				return err
			}
			if err := s.o.State.NoteHanded(ctx, p.ID, session, n, s.now()); err != nil { // then it is there twice
				s.log.Warn("that a recording was handed over is not remembered", "handover", p.ID, "reason", err)
			}
		}
		begun[n] = true
		return nil
	}
}

func (s *Server) storeOf(p *handover.Plan) func(context.Context, int) (storage.Store, error) {
	return func(ctx context.Context, n int) (storage.Store, error) {
		return s.vaultNamed(p.Items[n].Vault).Store(ctx)
	}
}

// wrongItem has the log say that a recording isn't what it was, and the manifest know it.
func (s *Server) wrongItem(p *handover.Plan) func(context.Context, int, error) {
	return func(ctx context.Context, n int, err error) {
		i := p.Items[n]
		log := s.log.With("account", i.Vault, "id", i.ID, "reason", err)
		changed, is := errors.AsType[*handover.ChangedError](err)
		if !is {
			log.Warn("a recording that is handed over could not be read")
			return
		}
		log.Error("a recording is damaged: it was handed over and is not what was archived")
		v := s.vaultNamed(i.Vault)
		m, err := v.Manifest(ctx)
		if err != nil {
			return
		}
		row, err := m.Row(ctx, vbc.Key{Kind: vbc.Kind(i.Kind), Owner: i.Owner, ID: i.ID}, i.Nth)
		if err == nil && row.Copy.Audio.Key == changed.Key {
			s.refute(ctx, sending{v: v, m: m, row: row}, changed)
		}
	}
}
