package s3store_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/s3store"
	"github.com/vbcvault/vbcvault/storage/storagetest"
)

// What is asked of S3, and how its answers are read, is as Amazon documents it:
// this server knows no cold storage.
func TestThawAsSent(t *testing.T) {
	t.Parallel()
	server := storagetest.StartS3(t)
	const hour = time.Hour
	for name, c := range map[string]struct {
		answer  http.Header
		class   string
		thawing bool
		tier    storage.Tier
		takes   time.Duration
		sent    string // "" = nothing is
	}{
		"flexible":  {http.Header{"X-Amz-Storage-Class": {"GLACIER"}}, "GLACIER", false, storage.Standard, 5 * hour, "<Days>3</Days><GlacierJobParameters><Tier>Standard</Tier></GlacierJobParameters>"},
		"bulk":      {http.Header{"X-Amz-Storage-Class": {"GLACIER"}}, "GLACIER", false, storage.Bulk, 12 * hour, "<Days>3</Days><GlacierJobParameters><Tier>Bulk</Tier></GlacierJobParameters>"},
		"expedited": {http.Header{"X-Amz-Storage-Class": {"GLACIER"}}, "GLACIER", false, storage.Expedited, 5 * time.Minute, "<Days>3</Days><GlacierJobParameters><Tier>Expedited</Tier></GlacierJobParameters>"},
		"deep":      {http.Header{"X-Amz-Storage-Class": {"DEEP_ARCHIVE"}}, "DEEP_ARCHIVE", false, storage.Standard, 12 * hour, "<Days>3</Days><GlacierJobParameters><Tier>Standard</Tier></GlacierJobParameters>"},
		"no way":    {http.Header{"X-Amz-Storage-Class": {"DEEP_ARCHIVE"}}, "DEEP_ARCHIVE", false, storage.Expedited, 0, ""},
		"tiering": {http.Header{"X-Amz-Storage-Class": {"INTELLIGENT_TIERING"}, "X-Amz-Archive-Status": {"ARCHIVE_ACCESS"}}, "INTELLIGENT_TIERING/ARCHIVE_ACCESS", false, storage.Standard, 5 * hour,
			"<GlacierJobParameters><Tier>Standard</Tier></GlacierJobParameters>"},
		"deep tiering": {http.Header{"X-Amz-Storage-Class": {"INTELLIGENT_TIERING"}, "X-Amz-Archive-Status": {"DEEP_ARCHIVE_ACCESS"}}, "INTELLIGENT_TIERING/DEEP_ARCHIVE_ACCESS", false, storage.Bulk, 48 * hour,
			"<GlacierJobParameters><Tier>Bulk</Tier></GlacierJobParameters>"},
		"on its way": {http.Header{"X-Amz-Storage-Class": {"GLACIER"}, "X-Amz-Restore": {`ongoing-request="true"`}}, "GLACIER", true, storage.Standard, 5 * hour, ""},
		"there":      {http.Header{"X-Amz-Storage-Class": {"GLACIER"}, "X-Amz-Restore": {`ongoing-request="false", expiry-date="Fri, 21 Dec 2012 00:00:00 GMT"`}}, "GLACIER", false, storage.Standard, 5 * hour, "<Days>3</Days><GlacierJobParameters><Tier>Standard</Tier></GlacierJobParameters>"},
	} {
		t.Run(name, func(t *testing.T) {
			var sent, query string
			proxy := server.Proxy(t, func(op, key string, r *http.Request) *storagetest.S3Fault {
				switch op {
				case "HeadObject":
					return &storagetest.S3Fault{AddHeader: c.answer}
				case "GetObject":
					return &storagetest.S3Fault{Status: http.StatusForbidden, Code: "InvalidObjectState"}
				case "RestoreObject":
					b, _ := io.ReadAll(r.Body)
					sent, query = string(b), key+"?"+r.URL.RawQuery
					return &storagetest.S3Fault{Status: http.StatusAccepted}
				}
				return nil
			})
			s := openProtected(t, server, server.NewBucket(t), proxy.URL, s3store.Protection{})
			o := mustPut(t, s, "k", 10, storage.Attrs{})
			if _, err := s.Open(t.Context(), o); !errors.Is(err, storage.ErrCold) || errors.Is(err, storage.ErrRefused) {
				t.Errorf("open: %v", err)
			}
			frost, err := s.Frost(t.Context(), o)
			if err != nil || frost.Class != c.class || frost.Thawing != c.thawing || frost.Takes[c.tier] != c.takes {
				t.Errorf("%+v, %v", frost, err)
			}
			if frost.Thawing {
				return
			}
			err = s.Thaw(t.Context(), o, frost, c.tier, 3)
			if (err == nil) != (c.sent != "") {
				t.Errorf("thaw: %v", err)
			}
			_, inside, _ := strings.Cut(sent, ">") // of RestoreRequest, with its namespace
			if strings.TrimSuffix(inside, "</RestoreRequest>") != c.sent || sent != "" && !strings.HasPrefix(query, "calls/k?restore") {
				t.Errorf("%s: %s", query, sent)
			}
		})
	}
}

// Having been asked by somebody else is as good; having been refused isn't.
func TestThawAnswers(t *testing.T) {
	t.Parallel()
	server := storagetest.StartS3(t)
	for code, want := range map[string]struct {
		status int
		ok     bool
		is     error
	}{
		"RestoreAlreadyInProgress":              {http.StatusConflict, true, nil},
		"AccessDenied":                          {http.StatusForbidden, false, storage.ErrRefused},
		"GlacierExpeditedRetrievalNotAvailable": {http.StatusServiceUnavailable, false, nil},
	} {
		proxy := server.Proxy(t, func(op, _ string, _ *http.Request) *storagetest.S3Fault {
			if op == "RestoreObject" {
				return &storagetest.S3Fault{Status: want.status, Code: code}
			}
			return nil
		})
		s := openProtected(t, server, server.NewBucket(t), proxy.URL, s3store.Protection{})
		o := mustPut(t, s, "k", 10, storage.Attrs{})
		frost, err := s.Frost(t.Context(), o)
		if err == nil {
			err = s.Thaw(t.Context(), o, frost, storage.Standard, 1)
		}
		if (err == nil) != want.ok || want.is != nil && !errors.Is(err, want.is) || err != nil && !strings.Contains(err.Error(), code) {
			t.Errorf("%s: %v", code, err)
		}
		if _, err := s.Frost(t.Context(), storage.Object{Key: "none"}); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("none: %v", err)
		}
	}
}
