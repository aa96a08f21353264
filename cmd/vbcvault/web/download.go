package web

import (
	"net/http"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/access"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

func init() {
	routes = append(
		routes,
		route{"GET " + recordingPattern + "/download", access.Download, (*Server).downloadForm},
		route{"POST " + recordingPattern + "/download", access.Download, (*Server).download},
	)
}

// downloadPage asks for the reason.
type downloadPage struct {
	Path, Pick string // of the recording
	Row        manifest.Row
	Reason     string
	Wrong      string
	HandsOver  bool // with proofs, too
}

// downloadForm asks why somebody wants a recording's audio as a file.
func (s *Server) downloadForm(w http.ResponseWriter, r *http.Request) error {
	v, _, row, err := s.recording(r)
	if err != nil {
		return err
	}
	return s.showDownload(w, r, http.StatusOK, v, row, "", "")
}

func (s *Server) showDownload(w http.ResponseWriter, r *http.Request, status int, v *Vault, row manifest.Row, reason, wrong string) error {
	return s.show(w, r, status, "download", "Download the audio of a call", downloadPage{Path: pathOf(v.Name, row), Pick: pickOf(v.Name, row),
		Row: row, Reason: reason, Wrong: wrong, HandsOver: s.o.Spool != ""})
}

// download sends the audio as a file, once it is written down who gets it, and why.
func (s *Server) download(w http.ResponseWriter, r *http.Request) error {
	v, _, row, err := s.recording(r)
	if err != nil {
		return err
	}
	if err := readForm(w, r); err != nil {
		return err
	}
	reason := field(r, "reason")
	if reason == "" || len(reason) > longest {
		return s.showDownload(w, r, http.StatusUnprocessableEntity, v, row, reason, "Write down why you need the file, in at most 1,000 characters.")
	}
	return s.sendWhole(w, r, v, row, manifest.Downloaded, reason)
}
