package pipeline

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

var (
	mutants = flag.Bool("mutants", false, "break the program in each way that mutations lists, and see a test fail; takes minutes")
	only    = flag.String("only", "", "just the mutations with this in their name")
)

// mutation is one way to break the program.
type mutation struct {
	name, file string
	old, new   string
	test, in   string // which test must fail, and in which packages
}

var mutations = slices.Concat([]mutation{
	{"the DELETE goes out before the intent is committed", "pipeline/purge.go", "	if err := r.intend(row, ev); err != nil {\n		return err\n	}\n	r.archived(row, ev)", "	r.archived(row, ev)", "TestCrashAtEveryStep", "./pipeline"},
	{"the DELETE goes out although the commit failed", "pipeline/purge.go", "	if err := r.intend(row, ev); err != nil {\n		return err\n	}\n	r.archived(row, ev)", "	_ = r.intend(row, ev)\n	r.archived(row, ev)", "TestCrashAtEveryStep", "./pipeline"},
	{"verify trusts what Put returned", "pipeline/evidence/evidence.go", "	has, err := store.Stat(ctx, want)", "	has, err := want, error(nil)\n	_ = ctx", "TestSwallowedUpload|TestDamageBetween", "./cmd/vbcvault"},
	{"the sidecar is not proven", "pipeline/evidence/evidence.go", "	if v.sidecar, err = confirm(ctx, store, sidecar); err != nil {", "	if v.sidecar = sidecar; err != nil {", "TestSwallowedUpload|TestDamageBetween", "./cmd/vbcvault"},
	{"the transcript is not proven", "pipeline/evidence/evidence.go", "	if v.transcript, err = confirm(ctx, store, transcript); err != nil {", "	if v.transcript = transcript; err != nil {", "TestSwallowedTranscript", "./cmd/vbcvault"},
	{"a purge doesn't wait for the transcript", "pipeline/work.go", "	case r.lacksTranscript(it):", "	case !it.purge && r.lacksTranscript(it):", "TestTranscripts$", "./cmd/vbcvault"},
	{"what is deleted unlisted may have got a transcript", "pipeline/work.go", "	case r.lacksTranscript(it):", "	case (listed || !it.purge) && r.lacksTranscript(it):", "TestTranscriptBeforeASecondDelete", "./cmd/vbcvault"},
	{"transcripts that are refused all of a sudden are none", "pipeline/transcriptlist.go", "		had = had || known.Transcripts\n", "		_ = known\n", "TestTranscriptsAreRefused", "./cmd/vbcvault"},
	{"transcripts dated later than the cutoff are not listed", "pipeline/transcriptlist.go", "	case !r.policy.Delete:", "	default:", "TestTranscriptMadeAfterTheCutoff", "./cmd/vbcvault"},
	{"a transcript that can't be mended is forgotten", "pipeline/transcript.go", "	if !listed && !neverThere && !r.policy.NoTranscripts {\n		return false, cause\n	}\n", "	_, _ = listed, neverThere\n", "TestDamagedTranscript", "./cmd/vbcvault"},
	{"a doubted copy that is listed isn't looked at", "pipeline/manifest/sighting.go", "	case k.Archived && k.State == Stored:\n		return Doubted\n", "", "TestDamagedTranscript", "./cmd/vbcvault"},
	{"evidence may be older than the permission to send", "pipeline/evidence/evidence.go", "	case v.at.Before(t):", "	case false:", "TestEvidenceIsNotKept", "./pipeline/evidence"},
	{"a 404 that isn't VBC's own counts as deleted", "vbc/errors.go", "e.Status == http.StatusNotFound && !e.Gateway", "e.Status == http.StatusNotFound", "TestNotFoundIs", "./vbc"},
	{"a redirected DELETE is followed", "vbc/redirect.go", "	if via[0].Method != http.MethodGet || len(via) > maxHops {", "	if len(via) > maxHops {", "TestRedirectedDelete", "./vbc"},
	{"rows of the manifest skip the cutoff", "pipeline/work.go", "	if !r.policy.eligible(row.Recording) && row.State != manifest.Purging {\n		return nil\n	}\n", "", "TestLaterCutoff|TestSinceHolds", "./cmd/vbcvault"},
	{"a purge ignores what the run is about", "pipeline/policy.go", "	if !p.Delete || !p.eligible(row.Recording) {", "	if !p.Delete {", "TestSinceHolds", "./cmd/vbcvault"},
	{"the cutoff is inclusive", "pipeline/policy.go", "r.Start.Before(p.Cutoff)", "!r.Start.After(p.Cutoff)", "TestCutoffHolds", "./cmd/vbcvault"},
	{"what isn't listed now is deleted unseen", "pipeline/work.go", "it.Copy.Known(), it.SeenRun == r.id\n", "it.Copy.Known(), true\n", "TestReusedID|TestChangedRecording", "./pipeline"},
	{"what is there counts as the same recording", "vbc/audio.go", "	return has.ID == r.ID && has.Start.Equal(r.Start) && (has.Size == r.Size || has.Size < 0) && (has.CallID == r.CallID || has.CallID == \"\" || r.CallID == \"\"), nil", "	return true, nil", "TestReusedID|TestChangedRecording", "./pipeline"},
	{"the size is not compared", "pipeline/transfer.go", "	if got.Size == t.row.Size {", "	if got.Size >= 0 {", "TestBadAudio", "./cmd/vbcvault"},
	{"two short downloads that agree are taken", "pipeline/transfer.go", " && got.Size > t.row.Size {", " {", "TestTooShortTwice", "./pipeline"},
	{"anything is audio", "pipeline/format.go", "	return f, media, !looksLikeNoMedia(head, t)", "	return unknownFormat, \"\", false", "TestOnlyAudio", "./pipeline"},
	{"If-None-Match is not sent", "storage/s3store/publish.go", `create := condition{ifNoneMatch: aws.String("*")}`, "create := condition{}; _ = aws.String", "TestConformance$", "./storage/s3store"},
	{"a file is taken for synced that somebody has changed since", "storage/dirstore/synced.go", "	return ok && as == now", "	return ok && as.sameBytes(now)", "TestSyncedOnce", "./storage/dirstore"},
	{"a file is taken for synced that was written to during its Put", "storage/dirstore/dirstore.go", "now.sameBytes(before)", "now.sameBytes(now) || now == before", "TestChangedDuringPut", "./storage/dirstore"},
	{"a file that was found is taken for synced", "storage/dirstore/synced.go", "	return ok && as == now", "	return !ok || as == now", "TestSyncedOnce", "./storage/dirstore"},
	{"a file is renamed over another", "storage/dirstore/publish.go", "	err := s.link(in, temp.name, name)", "	err := in.Rename(temp.name, name)", "TestConformance", "./storage/dirstore"},
	{"a version below a delete marker is a copy", "storage/s3store/stat.go", "s.headObject(ctx, s.full(want.Key))", "s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &s.bucket, Key: s.full(want.Key), VersionId: optional(want.VersionID), ChecksumMode: \"ENABLED\"})", "TestVersionedBucketProves", "./storage/s3store"},
	{"a DELETE goes out after cancellation", "pipeline/purge.go", "	if ctx.Err() != nil {\n		return context.Cause(ctx) // stopped while committing: the DELETE is not sent\n	}\n", "", "TestNoDeleteAfterCancellation", "./pipeline"},
	{"--max-deletes is ignored", "pipeline/allowance.go", "	return a.limit == nil ||", "	return true || a.limit == nil ||", "TestHoldingBack|TestMaxDeletes", "./cmd/vbcvault"},
	{"the confirmed plan is ignored", "pipeline/policy.go", "	if p.Plan != nil && ", "	if false && ", "TestConfirmedPlan", "./cmd/vbcvault"},
	{"--delete-after counts from the copy that was lost", "pipeline/work.go", "; !may {", "; false && !may {", "TestDeleteAfterCounts", "./pipeline"},
	{"a copy that expires justifies a purge", "pipeline/verify.go", "	if on.IsZero() || r.policy.AllowExpiring {", "	if true {", "TestExpiringCopy", "./cmd/vbcvault"},
	{"gone without a look into the store", "pipeline/absent.go", "	if found, err := r.find(row); err != nil || found {\n		return true, err\n	}\n	if err", "	if found, err := false, error(nil); err != nil || found {\n		return true, err\n	}\n	if err", "TestRestoredOlderManifest", "./cmd/vbcvault"},
	{"VBC's word for a DELETE is not checked", "pipeline/run.go", "	return r.lookAgain(r.ctx)", "	return nil", "TestDeleteWithoutEffect", "./cmd/vbcvault"},
	{"a listing with gaps isn't read again", "vbc/walk.go", "for range 2 {", "for range 1 {", "TestListingSurvives", "./vbc"},
	{"the account's number is taken from any page", "pipeline/admit.go", "		if rec.Account != l.account {", "		if false {", "TestAccountChanges", "./cmd/vbcvault"},
	{"a refused password is tried again", "vbc/auth.go", "	if err := s.logins.over(); err != nil {\n		return nil, err\n	}\n", "", "TestRefusedPassword", "./vbc"},
	{"a run never stops for failures", "pipeline/breaker.go", "b.limit == 0 || b.inARow < b.limit", "true", "TestStopsWhenEverything", "./cmd/vbcvault"},
	{"a run never stops for lost copies", "pipeline/breaker.go", "	if b.proofs < fewestProofs ||", "	if true ||", "TestStopsWhenCopies", "./cmd/vbcvault"},
	{"a clock that jumps goes unnoticed", "pipeline/work.go", "		r.stop(err) // it has jumped since the run began\n		return err\n", "", "TestClockJumps", "./cmd/vbcvault"},
	{"proofs are dated by a wrong clock", "pipeline/verify.go", "	if err := r.checkClock(); err != nil {", "	if err := error(nil); err != nil {", "TestClockJumps", "./cmd/vbcvault"},
	{"a dry run goes on by a clock that has jumped", "pipeline/plan.go", "	if err := pl.run.checkClock(); err != nil {", "	if err := error(nil); err != nil {", "TestClockJumps", "./cmd/vbcvault"},
	{"marks from the future count", "pipeline/mark.go", "		fromTheFuture(mark.FullAt) || fromTheFuture(mark.Until) ||", "		fromTheFuture(mark.Until) ||", "TestMarkFromTheFuture", "./cmd/vbcvault"},
	{"marks that reach into the future count", "pipeline/mark.go", "		fromTheFuture(mark.FullAt) || fromTheFuture(mark.Until) ||", "		fromTheFuture(mark.FullAt) ||", "TestMarkFromTheFuture", "./cmd/vbcvault"},
	{"a failure from the future rests", "pipeline/manifest/sqlite/pending.go", "now.Add(manifest.ClockSlack).UnixMilli()", "now.AddDate(100, 0, 0).UnixMilli()", "TestFailureFromTheFuture", "./cmd/vbcvault"},
	{"a pace from the future is believed", "pipeline/manifest/learned.go", " || age <= -ClockSlack {", " {", "TestPaceFromTheFuture", "./pipeline/manifest/sqlite"},
	{"a copy from the future is deleted at once", "pipeline/work.go", "	row.Copy.ArchivedAt = time.Now()\n", "	row.Copy.ArchivedAt = r.policy.started.Add(-r.policy.DeleteAfter)\n", "TestCopyFromTheFuture", "./cmd/vbcvault"},
	{"a plan lists a copy from the future", "pipeline/policy.go", "p.started.Sub(archived) < p.DeleteAfter", "p.started.Sub(archived).Abs() < p.DeleteAfter", "TestCopyFromTheFuture", "./cmd/vbcvault"},
	{"a copy from the future is held back until then", "pipeline/work.go", "	case fromTheFuture(it.Copy.ArchivedAt):", "	case false:", "TestCopyFromTheFuture", "./cmd/vbcvault"},
	{"an age of minutes is taken for one", "cmd/vbcvault/age.go", "	if parts := inMinutes.FindStringSubmatch(s); parts != nil {", "	if parts := inMinutes.FindStringSubmatch(s); parts != nil && false {", "TestAges", "./cmd/vbcvault"},
	{"a wrong clock goes unnoticed", "pipeline/start.go", "off.Abs() <= MaxClockOffset", "true", "TestWrongClock", "./cmd/vbcvault"},
	{"receipts don't follow on each other", "pipeline/receipt/receipt.go", "	case e.Prev != c.Head:", "	case false:", "TestChainNames", "./pipeline/receipt"},
	{"receipts of an ended run are never stored", "pipeline/run.go", "errors.Join(err, r.unstored(r.ctx), r.rest(r.ctx, sel))", "errors.Join(err, r.rest(r.ctx, sel))", "TestCrashAtEveryStep", "./pipeline"},
	{"an export's entry is taken by its name alone", "pipeline/match.go", " && e.UncompressedSize64 == uint64(rec.Size) {", " {", "TestMatch", "./pipeline"},
	{"a name that comes twice in an export is the first one's", "pipeline/match.go", "				byName[name] = nil\n", "", "TestMatch", "./pipeline"},
	{"a name that others have as well is taken for the one that is needed", "pipeline/match.go", " && len(all.names[sumOfName(name)]) == 1", "", "TestMatch", "./pipeline"},
	{"an export may hold what VBC hasn't listed", "pipeline/match.go", "	case len(strangers) > 0:", "	case false:", "TestMatch", "./pipeline"},
	{"an export may hold more than VBC has listed", "pipeline/match.go", "	case max(entries, total) > all.size:", "	case false:", "TestMatch", "./pipeline"},
	{"nothing of an export is compared with what VBC sends", "pipeline/match.go", "		if direct != inZIP {", "		if direct != inZIP && false {", "TestExportIsSampled", "./cmd/vbcvault"},
	{"audio that is another recording's is purged", "pipeline/policy.go", "	return row.Alike == manifest.Compared && !p.AcceptEqualAudio", "	return false", "TestEqualAudio", "./cmd/vbcvault"},
	{"audio that is another recording's goes unnoticed", "pipeline/manifest/sqlite/alike.go", "		if len(others) > 0 {\n			return &manifest.AlikeError", "		if len(others) > 99 {\n			return &manifest.AlikeError", "TestExportWithAnothersAudio|TestEqualAudio", "./cmd/vbcvault"},
	{"what may have another one's audio is purged all the same", "pipeline/manifest/sqlite/state.go", "fmt.Sprint(\" AND alike <> \", int(manifest.Suspect))", "fmt.Sprint(\"\")", "TestContract/AudioOfAnother", "./pipeline/manifest/sqlite"},
	{"what is stored while its export is found wrong is purged unseen", "pipeline/transfer.go", "		if t.row.entry.in.Distrusted() {", "		if false {", "TestDistrustReaches", "./pipeline"},
	{"a manifest made anew forgets equal audio", "pipeline/rebuild/rebuild.go", " b.manifest.SuspectTwins,", "", "TestRebuiltManifestHolds", "./pipeline"},
	{"what an id brings now tells about what has had it", "pipeline/alike.go", "	} else if !there {", "	} else if !there && there {", "TestEqualAudioAnd", "./pipeline"},
	{"a damaged only copy makes room for what has its id now", "pipeline/mend.go", "	} else if !there {\n", "	} else if !there && there {\n", "TestDamagedCopyOf", "./pipeline"},
	{"an outcome goes with any intent of its id", "pipeline/check/auditcount.go", "	start = startOf(e)", "	start = int64(0)", "TestReceiptsOfAn", "./pipeline"},
	{"what has a copy is forgotten when its id is given again", "pipeline/manifest/sqlite/listed.go", " AND audio = '' AND state NOT IN ('erasing', 'erased')\", r.Kind", "\", r.Kind", "TestContract/WhatHasACopyIsNeverDisplaced", "./pipeline/manifest/sqlite"},
	{"what has a copy makes room for what has its id now", "pipeline/manifest/sighting.go", "		case !k.stays(): // its place is free", "		case true: // its place is free", "TestContract/WhatHasACopyIsNeverDisplaced", "./pipeline/manifest/sqlite"},
	{"what the store says proves what a reading has refuted", "pipeline/verify.go", "	return r.proveBy(row, row.Refuted && !wasSeen(row.Copy))", "	return r.proveBy(row, false)", "TestRotten", "./cmd/vbcvault"},
	{"what is rotten is adopted", "storage/s3store/publish.go", "	if p.reread {", "	if false {", "TestRotIsReadAndReplaced", "./storage/s3store"},
	{"copies of earlier runs are deleted unread", "pipeline/verify.go", "	return memory == storage.ForeignMemory && !row.wrote", "	return false && memory == storage.ForeignMemory && !row.wrote", "TestReadBack", "./cmd/vbcvault"},
	{"what was read may be another object by now", "pipeline/evidence/evidence.go", "	case want.Seen != \"\" && has.Seen != want.Seen:", "	case false:", "TestVerifyBelieves", "./pipeline/evidence"},
	{"a DELETE goes out after this process stood still", "pipeline/purge.go", "	return ev.Fresh()\n", "	return nil\n", "TestStoppedBetween", "./cmd/vbcvault"},
	{"a DELETE goes out although a hold was made meanwhile", "pipeline/purge.go", "	if err := r.manifest.Deletable(ctx, ev.Recording()); err != nil {\n", "	if err := error(nil); err != nil {\n", "TestHoldBeforeADeleteIsWritten", "./cmd/vbcvault"},
	{"the last question before a DELETE is asked too early", "vbc/delete.go", "		if err := g.pass(); err != nil {", "		if err := error(nil); err != nil {", "TestDeleteIsAskedAboutLast", "./vbc"},
	{"the intent of a DELETE that wasn't sent stays", "pipeline/purge.go", "		return errors.Join(err, r.withdraw(row))", "		return err", "TestSlowDiskWithdraws", "./pipeline"},
	{"the intent of a DELETE that may have been sent is taken back", "pipeline/purge.go", "	if row.sent {", "	if false {", "TestOpenDeleteIsNotWithdrawn", "./pipeline"},
	{"the time for which the machine slept doesn't count", "pipeline/moment/moment.go", "	return max(wall, boot)", "	return wall", "TestAge", "./pipeline/moment"},
	{"what an export hasn't got whole fails for good", "pipeline/transfer.go", "		if err == nil || !t.bad {", "		if true {", "TestExportGoesWrong", "./cmd/vbcvault"},
	{"a mark is set although something was hidden", "pipeline/border.go", "	l.report.lack(n)\n	l.marks.doubt()\n", "	l.report.lack(n)\n", "TestHiddenRecording", "./cmd/vbcvault"},
	{"what a slice has hidden isn't missed", "pipeline/border.go", "	if lacking > 0 || s.thin {", "	if false {", "TestHiddenRecording|TestCountThatStaysShort", "./cmd/vbcvault"},
	{"an earlier listing is relied on for ever", "pipeline/mark.go", "p.started.Sub(mark.FullAt) >= p.FullScanEvery", "false", "TestNightly", "./cmd/vbcvault"},
	{"what is to be deleted isn't listed", "pipeline/mark.go", "	if p.Delete || p.FullScan", "	if p.FullScan", "TestArchiveThenDelete", "./cmd/vbcvault"},
	{"windows that differ teach a pace", "vbc/quota.go", "most-least <= most/10", "most-least <= most", "TestReadingsAgree", "./vbc"},
	{"a filter that VBC ignores isn't checked", "pipeline/policy.go", "	case !p.Filter.Matches(r):", "	case false:", "TestChoosing", "./cmd/vbcvault"},
	{"a filtered listing counts as one of everything", "pipeline/mark.go", "l.user, l.policy.Filter.String(), mark)", "l.user, \"\", mark)", "TestChosenTodayRestTomorrow", "./cmd/vbcvault"},
	{"a hold that is made during a run comes too late", "pipeline/manifest/standing.go", "	if s.Holds || !s.Known {", "	if !s.Known {", "TestContract/NothingHeldIsBegun", "./pipeline/manifest/sqlite"},
	{"a held recording uses up --max-deletes", "pipeline/policy.go", "	if p.held(row) {", "	if false {", "TestHoldBeatsEverything", "./cmd/vbcvault"},
	{"a hold whose content is lost holds nothing", "pipeline/manifest/covers.go", "	if h.Lost || !h.Selects() {\n		return true", "	if h.Lost || !h.Selects() {\n		return false", "TestHoldWhoseTextIsLost", "./cmd/vbcvault"},
	{"a run goes on although it can't see the archive's holds", "pipeline/archive/archive.go", "	holds, doubts, err := LearnHolds(ctx, store, m, log, account)\n	if err != nil {\n", "	holds, doubts, err := LearnHolds(ctx, store, m, log, account)\n	if err != nil && false {\n", "TestUnreadableHoldsStopARun", "./cmd/vbcvault"},
	{"the archive's holds don't count", "pipeline/archive/holds.go", "			ends = append(ends, t)\n		}\n		if err := m.LearnHold(ctx, t); err != nil {", "			ends = append(ends, t)\n		}\n		if err := error(nil); err != nil {", "TestLostManifestKeepsHolds", "./cmd/vbcvault"},
	{"a copy that isn't kept as asked justifies a purge", "pipeline/evidence/evidence.go", "	case has.Lacks != \"\":", "	case false:", "TestVerifyBelieves", "./pipeline/evidence"},
	{"a lock that is too short is taken", "storage/s3store/protect.go", "	case k.until.Before(p.Retain.From(from).Add(-earlier)):", "	case from.IsZero():", "TestProtection", "./storage/s3store"},
	{"a held recording is erased", "pipeline/archive/erasable.go", "; held {", "; false && held {", "TestEraseIsRefused", "./cmd/vbcvault"},
	{"a hold that is made before the erasure begins comes too late", "pipeline/manifest/sqlite/erase.go", "		if err := unheld(tx, r); err != nil {", "		if err := error(nil); err != nil {", "TestContract/NothingHeldIsErased", "./pipeline/manifest/sqlite"},
	{"what is locked is erased as far as it can be", "pipeline/archive/erasable.go", "		err := f.eraser.Retained(ctx, key)", "		err := f.eraser.Retained(ctx, key+\".none\")", "TestEraseIsRefused", "./cmd/vbcvault"},
	{"what may still be at VBC is erased", "pipeline/archive/erasable.go", "	case manifest.Purged, manifest.Gone,", "	case manifest.Verified, manifest.Purged, manifest.Gone,", "TestErase$", "./cmd/vbcvault"},
	{"older versions are left of what is erased", "storage/s3store/erase.go", "		for _, v := range out.Versions {", "		for _, v := range out.Versions[:min(1, len(out.Versions))] {", "TestEraser", "./storage/s3store"},
	{"audio isn't kept in the class that was asked for", "pipeline/transfer.go", "ContentType: kind.media, Bulk: true}", "ContentType: kind.media}", "TestProtectedArchive", "./cmd/vbcvault"},
	{"an erased recording stays in the manifest's file", "pipeline/manifest/sqlite/erase.go", "\"VACUUM\", ", "", "TestErase$", "./cmd/vbcvault"},
	{"a change while a month's file is made is lost", "pipeline/manifest/sqlite/stale.go", " AND changes = ?\", month.String(), month.Changes)", "\", month.String())", "TestContract/ChangeWhileAFileIsMade", "./pipeline/manifest/sqlite"},
	{"a recording's step leaves its month as it was", "pipeline/manifest/sqlite/schema.go", "(new.start, new.size, new.raw, new.state,", "(new.start, new.size, new.raw, old.state,", "TestContract/EveryStepMakesItsMonthStale", "./pipeline/manifest/sqlite"},
	{"the catalogue is locked like copies", "storage/s3store/protect.go", " && !a.Derived {", " {", "TestCatalogUnderObjectLock", "./cmd/vbcvault"},
	{"another manifest's catalogue is replaced", "pipeline/archive/catalog.go", "	case \"\":\n		return false, nil // damaged", "	default:\n		return true, nil // damaged", "TestCatalogOfAnother", "./cmd/vbcvault"},
	{"every night makes the whole catalogue anew", "pipeline/archive/catalog.go", "a.manifest.StaleMonths(ctx)\n", "a.manifest.Months(ctx)\n", "TestCatalogIsKept", "./cmd/vbcvault"},
	{"older versions of the catalogue have what was erased", "pipeline/archive/erasable.go", "	w.Keys = slices.Concat(one.keys, files)", "	w.Keys = slices.Concat(one.keys, files[:0])", "TestEraseFromTheCatalog$", "./cmd/vbcvault"},
	{"an erasure isn't stopped by a locked catalogue", "pipeline/archive/erasable.go", "	for _, key := range w.Keys {", "	for _, key := range one.keys {", "TestEraseFromALocked", "./cmd/vbcvault"},
	{"an interrupted erasure leaves a month out of the catalogue", "pipeline/archive/erase.go", "a.forget(ctx, months))\n	}\n	what", "a.forget(ctx, months[:0]))\n	}\n	what", "TestEraseFromTheCatalogGoesOn", "./cmd/vbcvault"},
	{"what is known to be unknown is an empty text in Parquet", "pipeline/catalog/parquet.go", "	if s == \"\" {\n", "	if false {\n", "TestExportFormats", "./cmd/vbcvault"},
	{"export overwrites a file", "cmd/vbcvault/newfile.go", "	if _, err := os.Lstat(path); err == nil {\n		return usagef", "	if _, err := os.Lstat(path); err == nil && os.Remove(path) != nil {\n		return usagef", "TestExportIsWhole", "./cmd/vbcvault"},
	{"export writes under the file's own name", "cmd/vbcvault/newfile.go", "os.CreateTemp(filepath.Dir(path), \".vbcvault-unfinished-\")\n", "os.Create(path)\n", "TestExportIsWhole", "./cmd/vbcvault"},
	{"a name that is a formula is left one", "pipeline/catalog/csv.go", "Harmless(column.cell(e))", "column.cell(e)", "TestExportFormats", "./cmd/vbcvault"},
	{"a month's file lies among those of the next", "pipeline/layout/parts.go", "month.First.Format(\"year=2006/month=01/\")", "month.First.AddDate(0, 1, 0).Format(\"year=2006/month=01/\")", "TestCatalogSays", "./cmd/vbcvault"},
	{"a destination on FUSE is trusted", "cmd/vbcvault/mounts.go", "	if kind == \"\" {", "	if true {", "TestDestinationOnFUSE", "./cmd/vbcvault"},
	{"what was mounted meanwhile is trusted", "cmd/vbcvault/job.go", "		if err := j.trust(on); err != nil {", "		if err := j.trust(on); err != nil && false {", "TestMountedMeanwhile", "./cmd/vbcvault"},
	{"a manifest on FUSE is taken", "storage/mount/database.go", "		case kind != \"\":", "		case kind != \"\" && false:", "TestDatabase", "./storage/mount"},
	{"an answer repeats the password", "vbc/errors.go", "shown(f.text)", "shorten(printable(f.text))", "TestSecretsAreNowhere", "./cmd/vbcvault"},

	{"a refused password is tried again by the next run", "vbc/login.go", "		if ok {\n			return l.end(app, r, fmt", "		if ok && false {\n			return l.end(app, r, fmt", "TestRefusedLoginIsRemembered", "./vbc"},
	{"a refused password is forgotten at once", "cmd/vbcvault/logins.go", "age < vbc.LockLasts {", "age < 0 {", "TestRefusedPasswordIsRemembered", "./cmd/vbcvault"},
	{"a refused user is tried by HTTP Basic too", "vbc/login.go", "first.Cause == RefusedClient && app.otherWay()", "app.otherWay()", "TestBasicForTheApplication|TestWhoIsRefused", "./vbc"},
	{"a locked user is tried with the password after a refresh", "vbc/auth.go", "		case refused != nil && refused.Locked:", "		case refused != nil && refused.Locked && false:", "TestLockedAtARefresh", "./vbc"},
	{"logins aren't spaced", "vbc/auth.go", "	pause = max(pause, s.logins.pause())", "	pause = 0", "TestTokensOfASecond|TestTwoMachines", "./vbc"},
	{"logins without a success have no bound", "vbc/trust.go", "	return s.unused >= maxUnused &&", "	return false && s.unused >= maxUnused &&", "TestTokensThatNeverWork", "./vbc"},
	{"a token that never expires has expired", "vbc/login.go", "	if err != nil || !(n >= shortest && n <= longest) {", "	if err != nil {", "TestWhateverExpiresInSays|TestTokensOfASecond", "./vbc"},
	{"a new token gets no second try", "vbc/trust.go", "t.doubts <= tries &&", "t.doubts < 0 && tries >= 0 &&", "TestNewTokenIsUnknown", "./vbc"},
	{"the token is sent along a redirect", "vbc/redirect.go", "	req.Header.Del(\"Authorization\")\n", "", "TestRedirectedDownload", "./vbc"},
	{"a redirect tells where it comes from", "vbc/redirect.go", "	req.Header.Del(\"Referer\") // the address before, with the secrets in its query\n", "", "TestRedirectedDownload", "./vbc"},
	{"a listing is redirected to another host", "vbc/redirect.go", "	if req.Context().Value(leaves{}) == nil || ", "	if ", "TestRedirectedDownload|TestTokenGoesToNoOther", "./vbc"},
	{"a redirect leads to plain http", "vbc/redirect.go", "(u.Scheme == \"https\" || local)", "(u.Scheme != \"file\" || local)", "TestRedirectedDownload", "./vbc"},
	{"another host's answer is taken for VBC's", "vbc/slot.go", "			e.Host, e.Code, e.Gateway = at.Host, 0, true\n", "			_ = at\n", "TestAnswersFromElsewhere", "./vbc"},
	{"what no token cures costs logins", "vbc/errors.go", " && e.Host == \"\" && !e.Denied()", " && e.Host == \"\"", "TestDenials", "./vbc"},
	{"a refused form of times stays", "vbc/times.go", "	c.zones.Store(true)\n", "", "TestTimesInQueries", "./vbc"},
	{"a 404 decides", "pipeline/absent.go", "		return false, r.vouch(ctx, row, err)", "		return false, nil", "TestA404OfEverything", "./pipeline"},
	{"a listing that covers a begun deletion doesn't settle it", "pipeline/absent.go", "	if row.Displaced || r.listedWithout(row.Row) {", "	if row.Displaced {", "TestBegunDeletions", "./pipeline"},
	{"what a listing shows and nobody can read isn't there", "pipeline/witness.go", " && !s.others[row.ID] &&", " &&", "TestAListingWithGaps", "./pipeline"},
	{"a DELETE in vain is sent for ever", "pipeline/unclear.go", "	look := r.breaker.limit > 0 && n >= most", "	look := r.breaker.limit > 0 && n >= most && false", "TestDeletesInVain", "./pipeline"},
	{"a page of the declared size is taken as audio", "pipeline/transfer.go", "	return ok && none.Odd && t.policy", "	return ok && (none.Odd || ok) && t.policy", "TestAcceptFormat", "./pipeline"},
	{"a message that is filled up to the declared size is taken as audio", "pipeline/format.go", "	case isText(head), isText(unpacked(head)):", "	case false:", "TestFormats", "./pipeline"},
	{"one download of an unknown format is enough", "pipeline/transfer.go", " && (t.odd == nil || agree) {", " {", "TestAcceptFormat", "./pipeline"},
	{"a container with video is audio", "pipeline/container.go", "	if strings.Contains(handlers(head, 0), \"vide\") {", "	if false {", "TestFormats", "./pipeline"},
	{"two names of a manifest are two locks", "pipeline/manifest/sqlite/manifest.go", "	path, err := resolve(path)\n	if err != nil {\n		return nil, fmt.Errorf(\"open manifest: %w\", err)\n	}\n	lock :=", "	var err error\n	lock :=", "TestManifestByTwoNames", "./pipeline/manifest/sqlite"},
	{"a filter's caller is written down", "vbc/filter.go", "		if text := v.Get(name); text != \"\" {", "		if text := v.Get(name); false {", "TestFilterLeavesNoCaller", "./cmd/vbcvault"},
	{"an erasure leaves what earlier versions wrote of filters", "pipeline/manifest/sqlite/forget.go", "'$.filter') IS NOT NULL\"} {", "'$.filter') IS NOT NULL\"}[:0] {", "TestFilterLeavesNoCaller", "./cmd/vbcvault"},
	{"a plan's digest leaves out what it is about", "pipeline/planfile.go", "	lines.Write(line)\n	return", "	_ = line\n	return", "TestConfirmedPlan", "./cmd/vbcvault"},
	{"a hold's date is midnight in UTC", "cmd/vbcvault/hold.go", "const anyZone = 24 * time.Hour", "const anyZone = 0 * time.Hour", "TestHoldDates", "./cmd/vbcvault"},
	{"a signature is stored for years", "pipeline/transfer.go", "Recording: withoutSignatures(rec.Raw),", "Recording: rec.Raw,", "TestSignaturesAreNotStored", "./cmd/vbcvault"},
	{"any credentials are the manifest's account's", "pipeline/start.go", "	if err != nil || known == r.vbc.Login256() {", "	if err != nil || known == known+r.vbc.Login256()[:0] {", "TestOtherCredentials", "./pipeline"},
	// Listings, their frames and what they are of.
	{"a walk without progress goes on", "vbc/walk.go", "case stale >= maxStale, w.read", "case w.read", "TestListingWithoutProgress", "./vbc"},
	{"a walk without progress is at its end", "vbc/walk.go", "\t\t\tw.contradict(\"VBC says that there is more, but its pages contain nothing new\")\n", "\t\t\tw.over = true\n", "TestListingWithoutProgress", "./vbc"},
	{"items without an id are progress", "vbc/walkpage.go", "\t\t\tif named { // else", "\t\t\tif true { // else", "TestListingWithoutProgress", "./vbc"},
	{"VBC's count is believed as the end", "vbc/walk.go", "\tswitch {\n\tcase p.next != \"\" || w.covered()", "\tswitch {\n\tcase w.latest > 0 && w.count >= w.total:\n\t\treturn true\n\tcase p.next != \"\" || w.covered()", "TestEndOfAListing", "./vbc"},
	{"a link to the next page means nothing", "vbc/walk.go", "case p.next != \"\" || w.covered()", "case w.covered()", "TestEndOfAListing", "./vbc"},
	{"the number of pages means nothing", "vbc/walk.go", "|| w.covered() < p.pages || w.before", "|| w.before", "TestEndOfAListing", "./vbc"},
	{"pages that never come are the end", "vbc/walk.go", "w.covered()+1 < pages {", "false {", "TestEndOfAListing", "./vbc"},
	{"a list of another name is an empty one", "vbc/walkpage.go", "\tif !ok && (f.filled()", "\tif !ok && false && (f.filled()", "TestListingWithoutItsList", "./vbc"},
	{"pages never shrink but for a 400", "vbc/pagesize.go", "\t\t\treturn perhapsSize\n\t\tcase http.StatusInternal", "\t\t\treturn notForSize\n\t\tcase http.StatusTeapot, http.StatusInternal", "TestPageSizes", "./vbc"},
	{"pages never grow again", "vbc/pagesize.go", "if s.good++; s.good < s.patience {", "if s.good++; true {", "TestPageSizes", "./vbc"},
	{"a learned size of pages is kept for ever", "pipeline/manifest/learned.go", "l.PagesRefused || int(believed(were[settingPageSize])) != l.PageSize", "true", "TestPageSizeIsForgotten", "./pipeline/manifest/sqlite"},
	{"an account may have no users", "vbc/listing.go", "\tcase all == 0:", "\tcase false:", "TestUsersThatCantBeNamed", "./vbc"},
	{"users without a number are passed over", "vbc/listing.go", "\tcase strange > 0:", "\tcase false:", "TestUsersThatCantBeNamed", "./vbc"},
	{"whose a recording is, its link says", "vbc/vbc.go", "linked != \"\" && linked != r.Owner {", "linked != \"\" && linked != r.Owner && false {", "TestOwnerOfARecording", "./vbc"},
	{"a recording's JSON may be larger than can be read back", "vbc/vbc.go", "\tif len(raw) > MaxRecording {", "\tif false {", "TestTooMuchJSON", "./vbc"},
	{"no length at all is an unknown one", "vbc/vbc.go", "ms >= 0 && ms < 1<<40", "ms > 0 && ms < 1<<40", "TestDurations", "./vbc"},
	{"an unknown length is none where it is looked for", "pipeline/manifest/sqlite/where.go", "\t\ttext += \" OR duration = 0\"", "\t\ttext += \"\"", "TestNoDurationIsKnown", "./cmd/vbcvault"},
	{"JSON may take as long as it likes", "vbc/audio.go", "time.AfterFunc(answerTime, func", "time.AfterFunc(1000*answerTime, func", "TestWhatTrickles", "./vbc"},
	{"audio may be as slow as it likes", "vbc/audio.go", "\tif speed >= leastSpeed {", "\tif speed >= 0 {", "TestWhatTrickles", "./vbc"},
	{"the time of our own store counts against VBC", "vbc/audio.go", "err = w.keepsUp(n, time.Since(begun))", "err = w.keepsUp(n, time.Since(begun)+5*time.Minute)", "TestWhatTrickles", "./vbc"},
	{"any encoding is none", "vbc/audio.go", "\t\tif !known || magic", "\t\tif !known || true || magic", "TestContentEncoding", "./vbc"},
	{"an encoding that is none is one", "vbc/audio.go", "\t\tif !known || magic", "\t\tif known && false || magic", "TestContentEncoding", "./vbc"},
	{"what is refused of transcripts isn't there", "pipeline/transcriptlist.go", "\tcase e != nil && !e.Gateway && e.Status == http.StatusForbidden:", "\tcase e != nil && !e.Gateway && e.Status == http.StatusForbidden && r.noTranscripts(ctx, e) == nil:\n\t\treturn nil\n\tcase false:", "TestTranscriptsForbidden", "./cmd/vbcvault"},
	{"a transcript is that of the recording with its id", "vbc/transcript.go", "\treturn t.Named || t.SameStart(r)", "\treturn true", "TestWhoseTranscripts", "./cmd/vbcvault"},
	{"a transcript of another call is the recording's", "vbc/transcript.go", "\t\treturn t.CallID == r.CallID", "\t\treturn true", "TestWhoseTranscripts", "./cmd/vbcvault"},
	{"an id with nothing else says whose a transcript is", "pipeline/transcriptlist.go", "\t\t\tif !text.Named && text.Start", "\t\t\tif false && text.Start", "TestWhoseTranscripts/one_with", "./cmd/vbcvault"},
	{"transcripts of recordings that nobody has seen mean nothing", "pipeline/transcriptlist.go", "\tif err != nil || len(unclaimed) == 0 {", "\tif unclaimed != nil || true {", "TestWhoseTranscripts|TestTranscriptsOfOthers", "./cmd/vbcvault"},
	{"transcripts whose recordings nobody has seen mean nothing unless they are dated", "pipeline/transcriptlist.go", "t.matched == 0 && len(t.undated) > 0 {", "t.matched == 0 && len(t.undated) > 0 && false {", "TestWhoseTranscripts", "./cmd/vbcvault"},
	// Everything ends, and the pace.
	{"a window that lets nothing through doubles the pace", "vbc/quota.go", "		if !p.blocked {\n", "		p.interval = max(2*p.interval, time.Second)\n		if !p.blocked {\n", "TestBlockadeLeaves", "./vbc"},
	{"one window is enough to learn a pace", "vbc/quota.go", "	if p.earlier = now; !now.agrees(before) {", "	if p.earlier, before = now, now; false {", "TestBadHour", "./vbc"},
	{"refusals of a busy backend teach a pace", "vbc/quota.go", "	case p.after > 1: // it", "	case false: // it", "TestIsolatedRefusals", "./vbc"},
	{"a slow pace is remembered though a window has let more through", "vbc/quota.go", "	if ours && (", "	if (ours || true) && (", "TestBadHour", "./vbc"},
	{"a pace may be as slow as it likes", "vbc/quota.go", "	pace = min(pace, max(now.length, before.length)/fewestSpaced)\n", "", "TestOthersLeaveLittle", "./vbc"},
	{"a blockade is asked about as often as its windows are", "vbc/quota.go", "soonest.After(p.closed) {", "soonest.After(p.closed) && false {", "TestBlockadeLeaves", "./vbc"},
	{"refusals for the quota go on for ever", "pipeline/outage.go", "	case g.maxWait > 0 && (now.Sub(g.refused) >= g.maxWait || opens.Sub(g.refused) > g.maxWait):", "	case false:", "TestEverythingEnds", "./pipeline"},
	{"a quota that opens tomorrow is waited for", "pipeline/outage.go", " && opens.Sub(now) > g.maxWait/2:", " && false:", "TestOutageThatStays", "./cmd/vbcvault"},
	{"a block is a quota", "vbc/errors.go", "	return e.Host == \"\" && e.Code == codeBlocked && e.Status >= 400", "	return false && e.Status >= 400", "TestEverythingEnds", "./pipeline"},
	{"the pause of an outage isn't shared", "pipeline/outage.go", "		case c.opened.IsZero():\n			return false, nil\n", "		case true:\n			return false, nil\n", "TestOutagePausesEverything", "./pipeline"},
	{"an outage goes on for ever", "pipeline/outage.go", "	case now.Sub(c.opened) >= g.limit && c.pauses >= fewestProbes:", "	case false:", "TestOutageThatStays", "./cmd/vbcvault"},
	{"what is broken by itself makes all others wait", "pipeline/outage.go", "	case p.answered == c.answered:\n", "	case true:\n", "TestBrokenAlone", "./pipeline"},
	{"a network that is away at the start ends the run", "pipeline/start.go", "		if !isOutage(err) || ctx.Err() != nil {", "		if true {", "TestNetworkAway", "./cmd/vbcvault"},
	{"the first recordings may all fail alike", "pipeline/breaker.go", "	if b.alike++; b.alike <", "	if b.alike++; true || b.alike <", "TestFirstFailuresAllAlike", "./pipeline"},
	{"an export is waited for for ever", "pipeline/exportjob.go", "	case now.Sub(w.moved) >= w.still:", "	case false:", "TestExportIsNotWaited", "./pipeline"},
	{"a run that hangs is left alone for ever", "cmd/vbcvault/otherrun.go", "	case other.stuck():", "	case false:", "TestOtherRunWithout", "./cmd/vbcvault"},
	{"an empty listing sets a mark", "pipeline/walk.go", "	if l.scan.shown == 0 {\n		l.marks.close()", "	if false {\n		l.marks.close()", "TestEmptyListingSetsNoMark", "./cmd/vbcvault"},
	{"a mark before its rows", "pipeline/walk.go", "	if err := l.note(ctx, held); err != nil {\n		return err\n	}\n	before, rest", "	if err := l.note(ctx, held); err != nil {\n		l.marks.add(to, 0)\n		l.marks.confirm()\n		return err\n	}\n	before, rest", "TestRefusedNight", "./cmd/vbcvault"},
	{"a mark before what comes behind it was seen", "pipeline/mark.go", "m.open[0].left == 0 && m.open[0].sure {", "m.open[0].left == 0 {", "TestMarksAreInOrder", "./pipeline"},
	{"a walk without progress", "pipeline/walk.go", "bool { return to.After(from) }", "bool { return !to.Before(from) }", "TestUnreadableFirst", "./cmd/vbcvault"},
	{"the border isn't asked for again", "pipeline/border.go", "	if b == nil {", "	if true {", "TestLimitsReadOtherwise", "./cmd/vbcvault"},
	{"the cutoff is asked for as VBC may misread it", "pipeline/walk.go", "l.policy.Cutoff.Add(zoneSlack), Since", "l.policy.Cutoff, Since", "TestLimitsReadOtherwise", "./cmd/vbcvault"},
	{"a page that lacks something is believed", "pipeline/border.go", "	return more && ", "	return false && more && ", "TestHiddenRecordingIsNotMasked", "./cmd/vbcvault"},
	{"trouble with listings is exit 0", "pipeline/summary.go", " && s.Troubles == 0 &&", " &&", "TestUnreadableIsNotForgotten", "./cmd/vbcvault"},
	{"the next night skips what nobody can read", "pipeline/mark.go", "	for _, t := range l.unsettled() {", "	for _, t := range l.unsettled()[:0] {", "TestEmptyListingSetsNoMark|TestUnreadableIsNotForgotten", "./cmd/vbcvault"},
	{"a full scan that shows nothing is no trouble", "pipeline/scan.go", "		return gone > 0\n", "		return false\n", "TestEmptyListingSetsNoMark", "./cmd/vbcvault"},
	{"any listing says that a trouble is over", "pipeline/manifest/sqlite/trouble.go", "		AND begins >= ? AND ends <= ? AND (filter = ? OR '' = ?)`", "		AND begins >= ? - 1e15 AND ends <= ? + 1e15 AND (filter = ? OR '' = ? OR true)`", "TestTroubleIsOverOnlyWhereItWas", "./cmd/vbcvault"},
	{"an acknowledged trouble is known whatever it becomes", "pipeline/manifest/sqlite/trouble.go", "CASE WHEN reason = excluded.reason THEN acknowledged ELSE '' END", "acknowledged", "TestContract/AcknowledgedTrouble", "./pipeline/manifest/sqlite"},
	{"an occupant of our own stays: what was refused is forgotten", "pipeline/mend.go", ", refused(row.Copy, wrong, row.fresh, row.Copy.Audio, row.Copy.Sidecar)...); e", "); e", "TestDamagedAndKilledAtEveryStep/directory", "./pipeline"},
	{"an occupant of our own stays: its mark is not looked at", "storage/storage.go", "	if o.Mark != \"\" && (o.Mark == put.Mark", "	if o.Mark == \"none\" && (o.Mark == put.Mark", "TestDamagedFileIsKnownAgain|TestDamagedObjectIsKnownAgain", "./storage/..."},
	{"an occupant of our own stays: a damaged name beside", "pipeline/occupied.go", "digits != \"\" && occupant.Proven()", "digits == \"none\" && occupant.Proven()", "TestNamesBeside", "./pipeline"},
	{"a foreign occupant is replaced", "pipeline/occupied.go", "	if why == \"\" {\n		return storage.Refuse\n	}\n", "", "TestWhatMayBeAnothersStays", "./pipeline"},
	{"a foreign occupant is replaced: in cold storage", "pipeline/occupied.go", "	case !occupant.Proven():\n", "", "TestRecognise", "./pipeline"},
	{"damaged receipts stay", "pipeline/archive/receipts.go", "func(storage.Object) storage.Resolution { return storage.Replace })\n	return err", "func(storage.Object) storage.Resolution { return storage.Refuse })\n	return err", "TestBundlesAreReplaced", "./pipeline/archive"},
	{"an upload is not noted", "storage/s3store/multipart.go", "	if s.journal != nil {\n		if err :=", "	if s.journal == nil {\n		if err :=", "TestUploadsAreNoted", "./storage/s3store"},
	{"an upload is noted and never aborted", "pipeline/archive/tidy.go", "	for _, u := range noted {\n", "	for _, u := range noted[:0] {\n", "TestUploadsOfAKilledRunAreAborted", "./cmd/vbcvault"},
	{"a file of the living is tidied away", "storage/dirstore/temp.go", "	case inUse:\n		return false, nil\n", "	case inUse:\n", "TestTidyLeavesToTheLiving|TestTidyRemovesLocksOfTheDead", "./storage/dirstore"},
	{"locks of holds and receipts stay", "pipeline/archive/tidy.go", "		parts = append(parts, layout.Receipts", "		_ = append(parts, layout.Receipts", "TestLocksAndFilesOfACrash", "./cmd/vbcvault"},
	{"a Put from within another's Seal takes of the same buffers", "storage/s3store/put.go", "	if nested(body) {\n		return make", "	if false {\n		return make", "TestConformance$", "./storage/s3store"},
	{"a refuted copy in cold storage waits for ever", "pipeline/verify.go", "	case t.row.Refuted && t.row.SeenRun == t.run.id:\n		return storage.Object{Key: want.Key}, nil\n", "", "TestRefutedCopyInColdStorage", "./cmd/vbcvault"},
	// S3 as it is elsewhere.
	{"unsupported counts as checked", "storage/s3store/probe.go", "	case s.findsWrong(refusal):\n		return refusal, nil\n", "	case s.findsWrong(refusal) || doubtful(refusal):\n		return refusal, nil\n", "TestUnsupportedIsNotChecked", "./storage/s3store"},
	{"what is sent without a checksum is believed", "storage/s3store/probe.go", "	s.readBack.Store(true)\n	s.looksFirst.Store(true)\n", "	s.looksFirst.Store(true)\n", "TestUnsupportedIsNotChecked", "./storage/s3store"},
	{"Accept-Encoding is signed everywhere", "storage/s3store/dialect.go", "	r.Header.Del(acceptEncoding)\n", "", "TestSignedHeaders", "./storage/s3store"},
	{"a listing without a marker has ended", "storage/s3store/pages.go", "aws.ToString(markers[0]) == \"\" {\n		return false, errLost\n", "aws.ToString(markers[0]) == \"\" {\n		return false, nil\n", "TestListingsEnd", "./storage/s3store"},
	{"a listing in a circle goes on", "storage/s3store/pages.go", "	if c.till > 0 && (", "	if false && (", "TestListingsEnd", "./storage/s3store"},
	{"unfinished uploads that can't be listed end a run", "storage/s3store/list.go", "		if errors.Is(err, storage.ErrHidden) {", "		if err == nil && errors.Is(err, storage.ErrHidden) {", "TestHousekeepingIsNeverAnError", "./storage/s3store"},
	{"429 of a store isn't tried again", "storage/s3store/throttle.go", "	return isThrottling(err) || r.Standard", "	return r.Standard", "TestThrottlingIsWaitedFor", "./storage/s3store"},
	{"a store may ask for a day", "storage/s3store/throttle.go", "pause = min(max(asked, firstThrottle), maxRetryAfter)", "pause = max(asked, firstThrottle)", "TestRetryAfter", "./storage/s3store"},
	{"what isn't visible yet is missing", "storage/s3store/recent.go", "!s.recent.has(key)", "true", "TestWhatIsNotVisibleYet", "./storage/s3store"},
	{"a bucket elsewhere is the same", "storage/s3store/identity.go", "known != \"\" && known != is {", "false {\n		_ = is", "TestAnotherBucketIsRefused", "./storage/s3store"},
	{"an error asks for credentials", "storage/s3store/errors.go", "	c := s.keys.last.Load()\n	if c == nil {\n		return text // nothing has been signed yet\n	}\n", "	c, err := s.keys.Retrieve(context.Background())\n	if err != nil {\n		return text\n	}\n", "TestErrorsAskNobody", "./storage/s3store"},
	{"keys in a destination are shown", "cmd/vbcvault/parse.go", "	s = withoutKeys(s)\n", "", "TestDestinationsThatAreRefused", "./cmd/vbcvault"},
	// Requests that spoil it for others, and what is remembered of refused ones.
	{"a page that takes VBC down is asked for without end", "pipeline/retry.go", "const mostRounds = 3", "const mostRounds = 1 << 30", "TestLargePageThatSuspendsEverything", "./pipeline"},
	{"what is broken by itself is forgotten at once", "pipeline/outage.go", "	return g.need * (1 + g.ranks[rank].alone)", "	return g.need", "TestMuchIsBrokenByItself", "./pipeline"},
	{"an export that is all but done is looked at each second", "pipeline/exportjob.go", "max(last, elapsed/8, ", "max(last, ", "TestExportIsNotWaitedForForEver", "./pipeline"},
	{"larger pages that were tried in vain fall to the smallest", "vbc/pagesize.go", "	s.trial = s.most\n", "", "TestPagesGoBackToWhatHasWorked", "./vbc"},
	{"smaller pages contradict what VBC counts", "vbc/walk.go", "	if !w.resized || size == 0 {\n", "	if w.resized || size == 0 {\n", "TestSmallerPagesAreNoContradiction", "./vbc"},
	{"a text is cut before secrets are taken out", "vbc/client.go", "shorten(c.redact(printable(c.redact(s))))", "c.redact(shorten(printable(s)))", "TestServersTextRepeatsNoPartOfASecret", "./vbc"},
	{"a refused login is known beside its manifest only", "cmd/vbcvault/logins.go", "		dirs = append(dirs, dir)\n", "", "TestRefusedPasswordWithAnotherManifest", "./cmd/vbcvault"},
	{"a lock is an application's", "vbc/login.go", "		login = l.user()\n", "", "TestRefusedPasswordWithAnotherManifest", "./cmd/vbcvault"},

	{"what nothing shows is written off", "pipeline/absent.go", " || there || !r.shows(collectionOf(row.Recording)) {", " || there {", "TestNothingShownWritesNothingOff", "./pipeline"},
	{"a listing decides about a copy that is damaged", "pipeline/purge.go", "		} else if e != nil {", "		} else if e != nil && there {", "TestDamagedAndHiddenIsAskedFor", "./pipeline"},
	{"a damaged copy's recording isn't asked for", "pipeline/absent.go", "row.there == nil || !*row.there && !row.asked {", "row.there == nil {", "TestDamagedAndHiddenIsAskedFor", "./pipeline"},
	{"a guess counts as VBC's count", "pipeline/walk.go", "	if listing.Counted() {", "	if true {", "TestUncountedListings", "./pipeline"},
	{"a form that has changed is written down nowhere", "pipeline/walk.go", "			l.cantRead(odd)", "			_ = odd", "TestManyUnreadableCanBeAcknowledged", "./cmd/vbcvault"},
	{"an empty first page is all", "vbc/walk.go", "(number != unnamed || p.next == \"\")", "(number != unnamed || p.next == \"\" || p.total == 0)", "TestEmptyFirstPageLinksOn", "./cmd/vbcvault"},
	{"a wrong count keeps the mark back though acknowledged", "pipeline/lister.go", "			l.marks.excuse()", "", "TestWrongCountIsAcknowledged", "./cmd/vbcvault"},
	{"less makes less of a trouble", "pipeline/manifest/sqlite/trouble.go", "filter = CASE WHEN filter = '' THEN '' ELSE excluded.filter END", "filter = excluded.filter", "TestContract/AcknowledgedTrouble", "./pipeline/manifest/sqlite"},

	{"frames in UTF-16 are MP3", "pipeline/format.go", "	case inUTF16(head) != nil:", "	case false:", "TestFormats$", "./pipeline"},
	{"files of one number are one", "storage/dirstore/sys_unix.go", "	at := born(f)\n", "	at := int64(1)\n", "TestDamagedFileIsKnownAgain", "./storage/dirstore"},
	{"another user's file ends a run", "storage/dirstore/destination.go", "		if err != nil && stays == nil {\n			stays = err\n		}\n		return nil\n", "		return err\n", "TestTidyAmongFilesOfAnotherUser", "./storage/dirstore"},
	{"another manifest's metadata is replaced", "pipeline/transfer.go", "(why == \"\" || why == earlierProof) && layout", "why == \"\" && layout", "TestAnotherManifestsCopyStays", "./pipeline"},
	{"what is whole by its own word is damaged", "pipeline/occupied.go", "	case occupant.Whole: // somebody else's, in the place of ours\n", "", "TestRecognise", "./pipeline"},
	{"empty quotes are an ETag", "storage/s3store/stat.go", "strings.Trim(strings.TrimPrefix(e, \"W/\"), `\" `) != \"\"", "e != \"\"", "TestEmptyETagIsNone", "./storage/s3store"},
	{"trouble at the probe is a check", "storage/s3store/probe.go", "err == nil && passing(refusal)", "false", "TestPassingTroubleIsNoCheck", "./storage/s3store"},
	{"trouble at a part is a check", "storage/s3store/probe.go", " && (!passing(refusal) || u.probe(ctx, otherHash) != nil)", "", "TestPassingTroubleIsNoCheck", "./storage/s3store"},
	{"a bare composite is the whole's", "storage/s3store/stat.go", " || want.Checksum != \"\" && sameComposite(sum, want.Checksum) {", " {", "TestBareCompositeChecksum", "./storage/s3store"},
	{"what is too long among holds ends a run", "pipeline/archive/holds.go", "err != nil && !errors.Is(err, layout.ErrTooLarge)", "err != nil && !errors.Is(err, errors.ErrUnsupported)", "TestWhatIsTooLongEndsNoRun", "./pipeline"},
	{"housekeeping stops the catalogue", "pipeline/archive/catalog.go", "		if ctx.Err() != nil {\n			return 0, err\n		}\n		a.log", "		if err != nil {\n			return 0, err\n		}\n		a.log", "TestHousekeepingThatFails", "./pipeline"},
	{"an intention is as good as an answer", "pipeline/occupied.go", "	case known.Stored && occupant.ETag", "	case occupant.ETag", "TestRecognise", "./pipeline"},
	{"a transcript found wrong is believed", "pipeline/transcript.go", "row.Refuted || len(wrong) > 0", "row.Refuted || len(wrong) > 99", "TestDamagedAtRest", "./pipeline"},
	{"any text is a transcript", "pipeline/layout/group.go", "		if mayBeTranscript(o, text) {", "		if true {", "TestDamagedAtRest", "./pipeline"},
	{"a room beside the run asks VBC", "pipeline/check/finding.go", "var None vbc.Recording\n", "var None vbc.Recording\n\nvar _ = vbc.New\n", "TestOnlyTheRunAsksVBC", "./pipeline"},
	{"restoring tries a store's refusal again", "pipeline/restore/judge.go", "	if err == nil || errors.Is(err, storage.ErrRefused) {", "	if err == nil || !errors.Is(err, storage.ErrCold) {", "TestWhatRestoringTriesAgain", "./pipeline/restore"},
	{"an archive is one before its store was looked at", "pipeline/archive/archive.go", "	if err := identify(ctx, store, m, log, o.Moved); err != nil {\n		return nil, err\n	}\n", "	_ = identify\n", "TestSettle", "./pipeline/archive"},

	{"a failure is acknowledged by its text", "pipeline/manifest/row.go", "	return f.AcknowledgingCode == code\n", "	return f.Acknowledging == reason\n", "TestAcknowledgementGoesByTheCode|TestAcknowledgedByCode", "./pipeline/manifest/sqlite"},
	{"what was acknowledged before there were codes is news", "pipeline/manifest/row.go", "		return f.Acknowledging == reason\n", "		return false\n", "TestFormat8", "./pipeline/manifest/sqlite"},
	{"what was acknowledged before there were codes never goes by one", "pipeline/manifest/sqlite/state.go", "acknowledging = ? THEN ? ELSE", "acknowledging = ? AND false THEN ? ELSE", "TestFormat8", "./pipeline/manifest/sqlite"},
	{"options of earlier programs are lost", "pipeline/manifest/options.go", "	return undeclaredOptions(written)\n", "	return nil\n", "TestUndeclaredOptions", "./pipeline/manifest/sqlite"},
	{"an erasure leaves a run's filter", "pipeline/manifest/sqlite/forget.go", "json_set(options, '$.filter', '\" + manifest.TextErased + \"')", "json_set(options, '$.erased', '\" + manifest.TextErased + \"')", "TestContract/ErasedKeepsIDsAndDigests", "./pipeline/manifest/sqlite"},
	{"advice isn't that of the code", "cmd/vbcvault/story/words.go", "	case about.Advice != \"\":\n", "	case false:\n", "TestStoryOfOneRecording", "./cmd/vbcvault"},
	{"a failure has no code in the manifest", "pipeline/work.go", "manifest.Failure{Code: word, ", "manifest.Failure{Code: word[:0], ", "TestAcknowledgedByCode|TestEndsHaveCodes", "./cmd/vbcvault"},
	{"what is held back counts under one reason", "pipeline/progress/progress.go", "s.held.LoadOrStore(why, ", "s.held.LoadOrStore(\"\", ", "TestHeldBackSaysWhy", "./cmd/vbcvault"},
	{"what is to come is reckoned from an old cutoff", "pipeline/foresee.go", "	if p.Age > 0 {\n", "	if p.Age > 0 && false {\n", "TestForesee$", "./pipeline"},
	{"a story tells nothing of rest", "pipeline/foresee.go", "		out.Steps, out.Unknown, out.Code = []string{}, nil, code.Resting\n", "		_ = code.Resting\n", "TestStoryOfOneRecording", "./cmd/vbcvault"},

	{"a dry run deletes without limit", "pipeline/plan.go", "pl.run.grantPurge(row)", "pl.run.policy.mayPurge(row)", "TestPlanIsWhatTheDryRunCounts", "./pipeline"},
	{"what VBC may have no more is deleted before it was looked at", "pipeline/work.go", "	case it.purge && !listed && !it.looked:", "	case it.purge && !listed && it.there == nil:", "TestStepsInOrder", "./pipeline"},
	{"a purge that was granted for an older copy goes on", "pipeline/work.go", "	case it.purge && it.renewed:", "	case false:", "TestStepsInOrder|TestDeleteAfterCounts", "./pipeline"},
	{"a step is taken from any state", "pipeline/manifest/sqlite/state.go", " AND state IN \"+inText(step.From())+condition", "\"+condition", "TestContract/EveryStepFromEveryState", "./pipeline/manifest/sqlite"},
	{"a purge is confirmed that was never begun", "pipeline/manifest/states.go", "{to: Purged, from: []State{Purging}}", "{to: Purged, from: []State{Verified, Purging}}", "TestTransitions", "./pipeline/manifest"},
	{"a change that is refused stays with the others'", "pipeline/manifest/sqlite/commit.go", "w.Exec(\"ROLLBACK TO change\")", "w.Exec(\"SELECT 1\")", "TestContract/OneOfManyFailsAlone", "./pipeline/manifest/sqlite"},
	{"what couldn't be committed is reported as done", "pipeline/manifest/sqlite/commit.go", "	if err != nil {\n		for i := range errs {", "	if err != nil && false {\n		for i := range errs {", "TestContract/Crash", "./pipeline/manifest/sqlite"},
	{"holds are looked up before the transaction of an intent", "pipeline/manifest/sqlite/state.go", "	return m.do(ctx, func(tx txn) error {\n		if _, err := deletable(tx, r, refuted); err != nil {\n			return err\n		}\n", "	if err := m.Deletable(ctx, r); err != nil {\n		return err\n	}\n	return m.do(ctx, func(tx txn) error {\n", "TestContract/NoIntentAfterAHold", "./pipeline/manifest/sqlite"},
	{"a recording is pending twice", "pipeline/manifest/sqlite/pending.go", "(start, kind, owner, id, nth) > (?, ?, ?, ?, ?)`", "(start, kind, owner, id, nth) >= (?, ?, ?, ?, ?)`", "TestContract/Pending", "./pipeline/manifest/sqlite"},
	{"what is found comes in another order", "pipeline/manifest/sqlite/search.go", "`ORDER BY at DESC, k DESC, o DESC, i DESC, n DESC`", "`ORDER BY at DESC, k, o, i, n`", "TestContract/SearchFindsWhatMatches", "./pipeline/manifest/sqlite"},
	{"an erasure that the archive tells of is not taken over", "pipeline/manifest/sqlite/receipt.go", "if err := takeOverErasure(tx, e); err != nil {", "if err := error(nil); err != nil {", "TestContract/TakeOver", "./pipeline/manifest/sqlite"},
	{"what is whole again may still be replaced", "pipeline/manifest/sqlite/upload.go", "DELETE FROM upload WHERE refused <> '' AND key IN", "DELETE FROM upload WHERE refused = '' AND key IN", "TestContract/RefusedUntilWhole", "./pipeline/manifest/sqlite"},
	{"an upload is forgotten as soon as another begins", "pipeline/manifest/sqlite/upload.go", "\"DELETE FROM upload WHERE key = ? AND id = ?\", u.Key, u.ID)", "\"DELETE FROM upload WHERE key = ?1 OR ?2 = ''\", u.Key, u.ID)", "TestContract/Uploads", "./pipeline/manifest/sqlite"},
	{"VBC's answer to a DELETE is taken for its answer to a download", "pipeline/code.go", "return code.DeletionMark + codeOf(d.err)", "return codeOf(d.err)", "TestAcknowledgedAudioIsNoDeletion", "./cmd/vbcvault"},
	{"what was acknowledged before there were codes is news in other words", "pipeline/manifest/sqlite/migrate.go", "	return readCodes(tx)\n", "	return nil\n", "TestOlderTextsTellTheirCode", "./pipeline/manifest/sqlite"},
	{"a deletion is foreseen where none is allowed", "pipeline/foresee.go", "	if may && p.MaxDeletes != nil && *p.MaxDeletes == 0 {\n", "	if false {\n", "TestForesee$", "./pipeline"},
	{"a deletion is foreseen under an id that is another's", "pipeline/foresee.go", "	case may && row.Displaced:", "	case may && row.Displaced && false:", "TestForesee$", "./pipeline"},
	{"a hold ends a purge until its copy is archived anew", "pipeline/purge.go", "\trow.purge = false // also", "\t// also", "TestHoldEndsAPurgeForGood", "./pipeline"},
}, evidenceMutations, fleetMutations, metricsMutations, reportMutations, configMutations, serviceMutations, scheduleMutations, notifyMutations, demoMutations, astrayMutations, secrecyMutations, begunMutations, accessMutations, searchMutations, wordsMutations, mediaMutations, callMutations, holdsMutations, listenMutations, manualMutations, placeMutations, networkMutations, initMutations, rightsMutations, versionMutations, packagesMutations, runMutations, pgSearchMutations, rowsMutations, chainMutations, machinesMutations, countsMutations)

// Each mutation still fits the code: the list doesn't rot.
func TestMutationsFit(t *testing.T) {
	for _, m := range mutations {
		b, err := os.ReadFile(filepath.Join("..", m.file))
		if n := strings.Count(string(b), m.old); err != nil || n != 1 {
			t.Errorf("%s: %s has the place %d times, %v", m.name, m.file, n, err)
		}
	}
}

// TestMutants breaks the program in each way and sees the tests fail, in a few
// copies of the repository at once: a test that waits leaves room for another.
func TestMutants(t *testing.T) {
	if !*mutants {
		t.Skip("takes minutes: make mutants")
	}
	var caught, tried atomic.Int64
	next := make(chan mutation)
	var copies sync.WaitGroup
	for range mutantsAtOnce {
		dir := t.TempDir()
		if out, err := exec.Command("git", "clone", "--quiet", "..", dir).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		copies.Go(func() {
			for m := range next {
				tried.Add(1)
				if m.isCaught(t, dir) {
					caught.Add(1)
				}
			}
		})
	}
	for _, m := range mutations {
		if strings.Contains(m.name, *only) {
			next <- m
		}
	}
	close(next)
	copies.Wait()
	t.Logf("%d of %d mutants caught", caught.Load(), tried.Load())
}

const mutantsAtOnce = 3

// isCaught breaks the program in one copy, and mends it again.
func (m mutation) isCaught(t *testing.T, dir string) bool {
	path := filepath.Join(dir, m.file)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
		return false
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), m.old, m.new, 1)), 0o600); err != nil {
		t.Error(err)
		return false
	}
	cmd := exec.Command("go", "test", "-vet=off", "-ldflags=-s -w", "-failfast", "-count=1", "-timeout=4m", "-run", m.test, m.in)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "TMPDIR=", "VBCVAULT_TESTS=all") // each package chooses where its files lie
	out, tested := cmd.CombinedOutput()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Error(err)
	}
	switch {
	case tested == nil:
		t.Errorf("SURVIVED: %s", m.name)
	case !strings.Contains(string(out), "--- FAIL") && !strings.Contains(string(out), "test timed out"): // what doesn't end is noticed, too
		t.Errorf("%s: it doesn't build: %s", m.name, out)
	default:
		t.Logf("caught: %s", m.name)
		return true
	}
	return false
}
