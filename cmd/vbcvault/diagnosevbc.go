package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// vbcDoctor looks whether VBC lets a run do what it has to.
type vbcDoctor struct {
	around            surroundings
	options           vbc.Options
	manifest, account string
	client            *vbc.Client
}

// diagnose sends four requests that change nothing: for a token, the smallest page
// of two listings, and the account. Where there is nothing, it looks where else it
// might be, and goes on there. known is what earlier runs have learned.
func (d *vbcDoctor) diagnose(ctx context.Context, known manifest.Learned) []storage.Finding {
	d.client.ExpectClientAuth(known.ClientAuth)
	credentials := d.credentials(ctx)
	if d.client == nil {
		return []storage.Finding{credentials} // nothing else can be looked at
	}
	api, transcripts := d.api(ctx), diagnoseTranscripts(ctx, d.client, d.account)
	provisioning, _ := diagnoseProvisioning(ctx, d.client, d.account)
	return []storage.Finding{
		credentials, api, transcripts, provisioning,
		diagnoseQuota(d.client, known.Pace), diagnoseClock(d.client.ClockOffset()),
	}
}

// credentials asks for a token. Where VBC has none to give at this address, or
// doesn't know the application there, the other addresses are tried: until one has
// refused the user, since a few refusals lock it.
func (d *vbcDoctor) credentials(ctx context.Context) storage.Finding {
	f, _ := d.login(ctx)
	return f
}

// login is credentials with the error that decides what to do about it. Where a token
// was got at another address, there is none. Wherever tokens are, options has the address.
func (d *vbcDoctor) login(ctx context.Context) (storage.Finding, error) {
	const check = "credentials"
	err := d.client.Login(ctx)
	if err == nil {
		return found(check, nil, "VBC accepts them and gives a token"), nil
	}
	first := found(check, err, "")
	d.client = nil
	if !mayBeElsewhere(err) {
		return first, err
	}
	var tried []string
	for _, address := range tokenAddresses(d.options, vbc.AsError(err) == nil && authError(err) == nil) {
		o := d.options
		o.TokenURL = address
		client, e := d.around.newClient(o, d.manifest)
		if e != nil {
			continue
		}
		switch e = client.Login(ctx); {
		case e == nil:
			d.client, d.options = client, o
			first.Means += ". There is a token address at " + address
			first.Mend = "set VBC_TOKEN_URL=" + address
			return first, nil
		case authError(e) != nil && authError(e).Cause == vbc.RefusedUser:
			d.options = o
			first.Means += ". At " + address + " " + e.Error()
			first.Mend = "set VBC_TOKEN_URL=" + address + ", then: " + hintFor(e)
			return first, e
		}
		if _, unknown := errors.AsType[*net.DNSError](e); !unknown { // where nobody can be asked, nothing is known
			tried = append(tried, address)
		}
	}
	if len(tried) > 0 {
		first.Means += ". There is no token address at " + strings.Join(tried, " or at ") + " either"
	}
	return first, err
}

func authError(err error) *vbc.AuthError {
	e, _ := errors.AsType[*vbc.AuthError](err)
	return e
}

// mayBeElsewhere reports whether a login failed in a way that leaves it open
// whether tokens are elsewhere, and has not counted against the user.
func mayBeElsewhere(err error) bool {
	if e := authError(err); e != nil {
		return e.Cause == vbc.RefusedClient || e.Cause == vbc.RefusedLogin
	}
	e := vbc.AsError(err)
	return e == nil || !e.Throttled()
}

// tokenAddresses are the addresses at which VBC is known to give tokens, without
// the one that is set; elsewhere: nor others on its host. The password goes to
// hosts of Vonage's only where that is whom we have to do with anyway.
func tokenAddresses(o vbc.Options, elsewhere bool) (out []string) {
	api := strings.TrimRight(cmp.Or(o.URL, vbc.DefaultURL), "/")
	current := cmp.Or(o.TokenURL, api+"/token")
	all := []string{api + "/token", api + "/t/vbc.prod/oauth2/token"}
	if isVonage(api) || isVonage(current) {
		all = append(all, vbc.ResellerTokenURL, vbc.DefaultURL+"/token")
	}
	for _, a := range all {
		if a == current || slices.Contains(out, a) || elsewhere && hostOf(a) == hostOf(current) {
			continue
		}
		out = append(out, a)
	}
	return out
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Host
}

func isVonage(address string) bool {
	host := hostOf(address)
	return host == "api.vonage.com" || strings.HasSuffix(host, ".vonagenetworks.net")
}

// api lists the smallest page of the account's recordings. Where there is no such
// address, the other roots in use are tried.
func (d *vbcDoctor) api(ctx context.Context) storage.Finding {
	f, err := diagnoseListing(ctx, d.client, d.account)
	if e := vbc.AsError(err); e == nil || e.Status != http.StatusNotFound {
		return f
	}
	for _, root := range otherRoots(cmp.Or(d.options.Root, vbc.DefaultRoot)) {
		o := d.options
		o.Root = root
		client, e := d.around.newClient(o, d.manifest)
		if e != nil {
			continue
		}
		client.ExpectClientAuth(d.client.ClientAuth())
		if _, e := diagnoseListing(ctx, client, d.account); e == nil {
			d.client, d.options = client, o
			f.Means += ". The API is at " + root
			f.Mend = "set VBC_API_ROOT=" + root
			return f
		}
	}
	return f
}

var apiOfRoot = regexp.MustCompile(`^(.*/call_recording[^/]*)(/.*)?$`)

// otherRoots are the forms in which the same API is in use.
func otherRoots(root string) (out []string) {
	root = strings.TrimRight(root, "/")
	name := "/t/vbc.prod/call_recording"
	if m := apiOfRoot.FindStringSubmatch(root); m != nil {
		name = m[1]
	}
	for _, form := range []string{"/v1/api", "/api"} {
		if other := name + form; other != root {
			out = append(out, other)
		}
	}
	return out
}

func diagnoseListing(ctx context.Context, client *vbc.Client, account string) (storage.Finding, error) {
	const check = "call recording API"
	listing := client.List(vbc.Query{Kind: vbc.Company, Account: account, PageSize: 10})
	for _, err := range listing.Pages(ctx, once(client)) {
		if e := vbc.AsError(err); e != nil && e.Throttled() {
			return warning(check, "the quota is used up now: "+err.Error(), "try again when no other program uses this application"), err
		}
		if err != nil {
			return found(check, err, ""), err
		}
		break // the first page is enough
	}
	return found(check, nil, fmt.Sprintf("subscribed; company recordings at VBC: %s. Whether VBC allows deletion is known only after the first one", humanize.Comma(int64(listing.Total())))), nil
}

// once tries nothing twice, except with a token that is new and may not be known
// everywhere yet; how often, the client knows.
func once(client *vbc.Client) vbc.Attempt {
	return func(ctx context.Context, op func(context.Context, *vbc.Slot) error) error {
		for {
			err := onceWith(ctx, client, op)
			if e := vbc.AsError(err); e == nil || !e.NewToken {
				return err
			}
		}
	}
}

func onceWith(ctx context.Context, client *vbc.Client, op func(context.Context, *vbc.Slot) error) error {
	slot, err := client.Slot(ctx, vbc.RankList)
	if err != nil {
		return err
	}
	defer slot.Release()
	return op(ctx, slot)
}
