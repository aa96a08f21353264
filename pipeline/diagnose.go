package pipeline

import (
	"context"
	"fmt"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// Diagnose looks whether VBC lets a run do what it has to, with three requests
// that change nothing: a token, the smallest page of a listing, and the
// account. It tries nothing twice. known is the pace that earlier runs have
// learned, 0 if none.
func Diagnose(ctx context.Context, client *vbc.Client, account string, known time.Duration) []storage.Finding {
	if err := client.Login(ctx); err != nil {
		f := storage.Finding{Check: "credentials", Level: storage.Failure, Means: err.Error(), Mend: "check VBC_API_URL and the way there"}
		if isA[*vbc.AuthError](err) {
			f.Mend = "VBC_USERNAME and VBC_PASSWORD are those of a VBC integration user, VBC_CLIENT_ID and VBC_CLIENT_SECRET those of your application"
		}
		return []storage.Finding{f} // nothing else can be looked at
	}
	return []storage.Finding{
		{Check: "credentials", Level: storage.OK, Means: "VBC gives a token for them"},
		diagnoseListing(ctx, client, account),
		diagnoseProvisioning(ctx, client, account),
		diagnoseQuota(client, known),
		diagnoseClock(client.ClockOffset()),
	}
}

func diagnoseListing(ctx context.Context, client *vbc.Client, account string) storage.Finding {
	f := storage.Finding{Check: "call recording API", Level: storage.OK}
	once := func(ctx context.Context, op func(context.Context, *vbc.Slot) error) error {
		slot, err := client.Slot(ctx, vbc.RankList)
		if err != nil {
			return err
		}
		defer slot.Release()
		return op(ctx, slot)
	}
	listing := client.List(vbc.Query{Kind: vbc.Company, Account: account, PageSize: 10})
	for _, err := range listing.Pages(ctx, once) {
		switch e := vbc.AsError(err); {
		case err == nil:
		case e != nil && e.Throttled():
			f.Level, f.Means, f.Mend = storage.Warning, "the quota is used up at this moment: "+err.Error(), "look again when nothing else uses this application"
			return f
		case e != nil && e.NotSubscribed():
			f.Level, f.Means, f.Mend = storage.Failure, err.Error(), "subscribe your application to the Call Recording API in the developer portal"
			return f
		default:
			f.Level, f.Means, f.Mend = storage.Failure, err.Error(), "VBC_API_URL and VBC_API_ROOT say where the API is, --account whose recordings; the user must be an account administrator"
			return f
		}
		break // the first page is enough
	}
	f.Means = fmt.Sprintf("subscribed; VBC lists %s company recordings. Whether it allows to delete them shows only when one is deleted", humanize.Comma(int64(listing.Total())))
	return f
}

func diagnoseProvisioning(ctx context.Context, client *vbc.Client, account string) storage.Finding {
	f := storage.Finding{Check: "provisioning API", Level: storage.OK}
	slot, err := client.Slot(ctx, vbc.RankList)
	if err == nil {
		var number string
		if number, err = slot.AccountNumber(ctx, account); err == nil {
			f.Means = "subscribed; this is account " + number
			return f
		}
	}
	f.Level, f.Means = storage.Warning, err.Error()+". It is needed for --users all, and where recordings don't carry the account's number"
	f.Mend = "subscribe your application to the Provisioning API, or name --account and --users by number"
	return f
}

func diagnoseQuota(client *vbc.Client, known time.Duration) storage.Finding {
	f := storage.Finding{Check: "quota", Level: storage.OK}
	switch q := client.Quota(); {
	case q.Throttled > 0:
		f.Level, f.Means = storage.Warning, "used up until "+q.ClosedUntil.UTC().Format(time.RFC3339)
		f.Mend = "something else uses this application; give vbcvault one of its own"
	case known > 0:
		f.Means = fmt.Sprintf("earlier runs have learned one request every %v", known)
	default:
		f.Means = "VBC doesn't show it before it is used up; by default it is 10 requests a minute. The developer portal has the tier"
	}
	return f
}

func diagnoseClock(off time.Duration) storage.Finding {
	f := storage.Finding{Check: "clock", Level: storage.OK, Means: fmt.Sprintf("within %v of VBC's", off.Abs().Round(time.Second)+time.Second)}
	if off.Abs() > maxClockOffset {
		f.Level, f.Means = storage.Failure, fmt.Sprintf("%v away from VBC's: a cutoff reckoned from it would be wrong, and --older-than is refused", off.Abs())
		f.Mend = "set this machine's clock"
	}
	return f
}

// enoughRoom is what a disk should have free, for a manifest that grows and for
// one export of the default size.
const enoughRoom = defaultExportLimit + defaultExportLimit/2

// DiagnoseDisk looks how much room a directory has.
func DiagnoseDisk(check, dir string) storage.Finding {
	f := storage.Finding{Check: check, Level: storage.OK}
	free, err := freeBytes(dir)
	if err != nil {
		f.Level, f.Means, f.Mend = storage.Failure, fmt.Sprintf("%s can't be looked at: %v", dir, err), "make the directory, for this user"
		return f
	}
	f.Means = fmt.Sprintf("%s has %s free", dir, humanize.IBytes(free))
	if free < enoughRoom {
		f.Level = storage.Warning
		f.Means += ", less than an export and a growing manifest may want"
		f.Mend = "make room; --spool-dir puts exports elsewhere, and --export-limit makes them smaller"
	}
	return f
}

// Worst is the worst level among findings.
func Worst(findings []storage.Finding) storage.Level {
	worst := storage.OK
	for _, f := range findings {
		if f.Level == storage.Failure || f.Level == storage.Warning && worst == storage.OK {
			worst = f.Level
		}
	}
	return worst
}
