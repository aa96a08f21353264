package storagetest

import (
	"net/http"
	"strings"
)

// Habits of servers that can't be had here, for S3Server.Proxy. Each is what
// people have seen of the server that it names.

// LikeGoogle is Google Cloud Storage: its front end changes Accept-Encoding, so
// that a signature over it is wrong; it knows no checksums of this kind and
// passes over them.
func LikeGoogle(_, key string, r *http.Request) *S3Fault {
	if signs(r, "accept-encoding") {
		return &S3Fault{Status: http.StatusForbidden, Code: "SignatureDoesNotMatch", Says: "The request signature we calculated does not match the signature you provided."}
	}
	if r.Method == http.MethodPut && strings.HasSuffix(key, ".vbcvault-probe") {
		return &S3Fault{Status: http.StatusOK}
	}
	return nil
}

// LikeBackblaze is Backblaze B2 as it was when clients began to send checksums
// by default: it refuses every request that has one, whatever it says.
func LikeBackblaze(_, _ string, r *http.Request) *S3Fault {
	if name := checksumHeader(r); name != "" {
		return &S3Fault{Status: http.StatusBadRequest, Code: "InvalidArgument", Says: "Unsupported header '" + name + "' received for this API call."}
	}
	return nil
}

// WithoutConditions is a server that refuses conditional writes.
func WithoutConditions(_, _ string, r *http.Request) *S3Fault {
	if r.Method == http.MethodPut || r.Method == http.MethodPost {
		for _, name := range []string{"If-None-Match", "If-Match"} {
			if r.Header.Get(name) != "" {
				return &S3Fault{Status: http.StatusNotImplemented, Code: "NotImplemented", Says: "A header you provided implies functionality that is not implemented."}
			}
		}
	}
	return nil
}

// checksumHeader is the name of a checksum's header in a request, "" if it has
// none.
func checksumHeader(r *http.Request) string {
	for name := range r.Header {
		if n := strings.ToLower(name); strings.HasPrefix(n, "x-amz-checksum-") || strings.HasPrefix(n, "x-amz-sdk-checksum-") {
			return n
		}
	}
	return ""
}

// signs reports whether a request's signature covers a header.
func signs(r *http.Request, header string) bool {
	_, list, _ := strings.Cut(r.Header.Get("Authorization"), "SignedHeaders=")
	list, _, _ = strings.Cut(list, ",")
	for _, name := range strings.Split(list, ";") {
		if name == header {
			return true
		}
	}
	return false
}
