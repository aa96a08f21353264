package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/vbcvault/vbcvault/pipeline"
	"github.com/vbcvault/vbcvault/pipeline/archive"
	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/dbfile"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/place"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/pipeline/refusal"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/mount"
	"github.com/vbcvault/vbcvault/storage/ownership"
	"github.com/vbcvault/vbcvault/storage/s3store"
	"github.com/vbcvault/vbcvault/vbc"
)

// usageError is a mistake in the command line or the configuration, found
// before anything was touched.
type usageError struct {
	err  error
	hint string
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usagef(hint, format string, args ...any) error {
	return &usageError{err: fmt.Errorf(format, args...), hint: hint}
}

// exitError ends the program with a code. What there is to say about it may
// have been said.
type exitError struct {
	code     int
	err      error
	reported bool
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// misused reports whether an error is a mistake of who started the program: of its
// flags, its configuration, or its user.
func misused(err error) bool {
	_, usage := errors.AsType[*usageError](err)
	_, user := errors.AsType[*ownership.Error](err)
	_, moved := errors.AsType[*manifest.MovedError](err)
	return usage || user || moved || errors.Is(err, place.ErrPassword)
}

// codeOf is the one place that turns an error into an exit code.
func codeOf(err error) int {
	if err == nil {
		return exitDone
	}
	if e, ok := errors.AsType[*exitError](err); ok {
		return e.code
	}
	if misused(err) {
		return exitUsage
	}
	if errors.Is(err, pipeline.ErrStopped) {
		return exitInterrupted
	}
	return exitStopped
}

// errorCode is a short stable word for the cause of an error that ends the program,
// one of package code's Ended.
func errorCode(err error) string {
	if misused(err) {
		return code.Usage
	}
	if errors.Is(err, mount.ErrRemote) {
		return code.NetworkDisk
	}
	if c := pipeline.EndCode(err); c != code.Failed || codeOf(err) != exitIncomplete {
		return c
	}
	return code.Incomplete
}

// report prints an error and what to do about it.
func report(w io.Writer, err error) {
	fmt.Fprintf(w, "vbcvault: %v\n", err)
	if h := hintFor(err); h != "" {
		fmt.Fprintf(w, "  hint: %s\n", h)
	}
}

// hintFor says how to mend an error that ends the program.
func hintFor(err error) string {
	if e, ok := errors.AsType[*usageError](err); ok {
		return e.hint
	}
	if e, ok := errors.AsType[*hinted](err); ok {
		return e.hint
	}
	if h := refusal.Hint(err); h != "" {
		return h
	}
	if e, ok := errors.AsType[*otherRun](err); ok {
		return e.hint()
	}
	if e, ok := errors.AsType[*vbc.AuthError](err); ok {
		return loginHint(e)
	}
	if e := vbc.AsError(err); e != nil && e.Advice() != "" {
		return e.Advice()
	}
	if e := vbc.AsError(err); e != nil && e.AtLogin() {
		return "check VBC_TOKEN_URL, the address of tokens; vbcvault doctor tries the other addresses"
	}
	if e := vbc.AsError(err); e != nil && e.Status == 404 {
		return "check VBC_API_URL and VBC_API_ROOT, the address of the API"
	}
	if e, ok := errors.AsType[*ownership.Error](err); ok {
		return fmt.Sprintf("run it as that user: sudo -u %s vbcvault …", e.User)
	}
	if e, ok := errors.AsType[*manifest.BoundError](err); ok {
		return fmt.Sprintf("use another manifest with --manifest, or the %s that this manifest belongs to", e.What)
	}
	if e, ok := errors.AsType[*manifest.KeyError](err); ok {
		return archive.KeyHint(e)
	}
	if e, ok := errors.AsType[*manifest.MovedError](err); ok {
		return fmt.Sprintf("use --manifest %q, or the VBCVAULT_DATABASE_URL, state-dir or database of the configuration file where it lies now", e.To)
	}
	if _, ok := errors.AsType[*s3store.AnotherBucketError](err); ok {
		return "set AWS_ENDPOINT_URL_S3 (or the profile) as in earlier runs. If the archive was copied to this bucket on purpose, run vbcvault archive --moved once, then vbcvault verify"
	}
	if _, ok := errors.AsType[*s3store.EncryptionError](err); ok {
		return "use a bucket, a server or a key that encrypts as --sse and --kms-key say, or change these"
	}
	if e, ok := errors.AsType[*dbfile.NewerError](err); ok {
		return "use " + e.Needed() + ". To go back to this version, see vbcvault help recover"
	}
	if e, ok := errors.AsType[*dbfile.UpgradeError](err); ok {
		return upgradeHint(e)
	}
	if _, ok := errors.AsType[*manifest.LeaseError](err); ok {
		return "another machine may continue this run; if none does, run the same command again: it resumes, and nothing is lost. " +
			"If this happens often, check the network to the database, and whether this machine is suspended or overloaded"
	}
	if advice := place.Advice(err); advice != "" {
		return advice
	}
	_, unshared := errors.AsType[*vbc.SharedQuotaError](err)
	if _, ok := errors.AsType[*vbc.MemoryError](err); ok || unshared {
		return "check the database, and the network to it, then run the same command again: it resumes, and nothing is lost. Without the database VBC is asked for nothing"
	}
	if _, ok := errors.AsType[*manifest.WriteError](err); ok {
		return "check whether the manifest's disk is full or read-only. Nothing is deleted without the manifest"
	}
	switch {
	case dbfile.DiskTrouble(err):
		return "check whether the disk of the file is full or broken, then run the same command again"
	case errors.Is(err, s3store.ErrLockOff):
		return "without --object-lock copies are not locked"
	case errors.Is(err, storage.ErrCold):
		return "vbcvault restore --thaw asks for it, which costs money"
	case errors.Is(err, mount.ErrRemote):
		return onThisMachine
	case errors.Is(err, sqlite.ErrNames):
		return "find the other names with find / -xdev -samefile FILE and remove them, or copy the file and use the copy"
	case errors.Is(err, manifest.ErrUnbound):
		return "run vbcvault archive once, without --delete"
	case errors.Is(err, manifest.ErrLocked):
		return "wait for the other run to end; with --if-running skip, archive exits with 0 in this case"
	case errors.Is(err, pipeline.ErrStopped):
		return "run the same command again: it resumes where this one stopped"
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return "check the name server of this machine, and the spelling of the address; where only a proxy reaches the Internet, set HTTPS_PROXY"
	}
	return insecureHint(err)
}

// upgradeHint says how to mend that a file could not be upgraded.
func upgradeHint(e *dbfile.UpgradeError) string {
	const asItWas = " The file is as it was: run the same command again"
	if !e.Full {
		return "mend the cause." + asItWas
	}
	return fmt.Sprintf("free %s on the disk of %s, for a copy and the upgrade.%s", humanize.IBytes(uint64(2*e.Bytes)), filepath.Dir(e.Path), asItWas)
}

// insecureHint says how to allow plain http, where that was refused.
func insecureHint(err error) string {
	if errors.Is(err, vbc.ErrInsecure) || errors.Is(err, s3store.ErrInsecure) {
		return "use an https address; --insecure-http allows plain http"
	}
	return ""
}

// loginHint says how to mend a login that is refused.
func loginHint(e *vbc.AuthError) string {
	// A run with a configuration file has its login there, and any other in the environment.
	user := "VBC_USERNAME and VBC_PASSWORD, or username and password in the configuration file, must be those of a VBC integration user (not of the developer portal)"
	until := ""
	if !e.Until.IsZero() {
		until = e.Until.UTC().Format(time.RFC3339)
	}
	switch {
	case e.Cause == vbc.RefusedToken:
		return "check that VBC_API_URL and VBC_TOKEN_URL (api-url and token-url in a configuration file) belong together, and that the application is subscribed to the Call Recording API. If another program logs in as the same user, give vbcvault its own user and application"
	case e.Cause == vbc.RefusedClient:
		return "VBC_CLIENT_ID and VBC_CLIENT_SECRET, or client-id and client-secret in the configuration file, must be those of your application in the developer portal, and it must allow the password grant; some accounts get tokens at another address (VBC_TOKEN_URL), which vbcvault doctor tries"
	case e.Cause == vbc.RefusedLogin:
		return "check whether VBC or a proxy sent this answer, and check VBC_TOKEN_URL; vbcvault doctor tries the other addresses"
	case e.Locked:
		return "VBC has locked the user after refused logins. Stop every other program that logs in as this user, and wait until " + until + ": each earlier try locks it for another 30 minutes. Then run again, or when an administrator has unlocked the user and set another password"
	case until != "":
		return user + ". vbcvault tries another password at once, and the same password again from " + until + " on"
	}
	return user
}
