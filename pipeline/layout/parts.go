package layout

import (
	"fmt"
	"regexp"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
)

// Holds lie beside the archive too, named after the SHA-256 of what they say:
//
//	holds/account=549825/9f86d0….json           how it was made
//	holds/account=549825/9f86d0….removed.json   how it has ended
//
// So a manifest that is lost, restored or another machine's knows them. Holds is
// where those of an account lie.
func Holds(account string) string { return "holds/account=" + account + "/" }

// HoldKey is where a hold's text lies.
func HoldKey(account string, t manifest.HoldText) string {
	ending := ".json"
	if t.Ended {
		ending = ".removed.json"
	}
	return Holds(account) + t.Hold.String() + ending
}

// HoldName is the form of holds' names. Two manifests may end one hold, each with
// words of its own: the second's lie beside the first's.
var HoldName = regexp.MustCompile(`/([0-9a-f]{64})(\.removed(?:-[0-9a-f]{8}|-[0-9a-f]{64})?)?\.json$`)

const MaxHold = 1 << 20 // bytes; most are a few hundred

// Erasures is where those of an account lie.
func Erasures(account string) string { return "erasures/account=" + account + "/" }

// ErasureKey is where an erasure's text lies, named after its SHA-256. The
// chain has only that.
func ErasureKey(account string, text []byte) string {
	return fmt.Sprintf("%s%s.json", Erasures(account), storage.SumOf(text))
}

// ErasureName is the form of erasures' names.
var ErasureName = regexp.MustCompile(`/[0-9a-f]{64}\.json$`)

// Catalog is where an account's catalogue lies, a file of Parquet for each month:
//
//	catalog/account=549825/year=2026/month=05/catalog.parquet
//	catalog/account=549825/_manifest.json                      whose it is
//
// It can be made anew from the manifest at any time, so it is replaced where
// that knows better, and not locked. It says what one manifest knows: another
// one's files are left alone, since taking turns would only make them wrong.
func Catalog(account string) string { return "catalog/account=" + account + "/" }

// CatalogKey is where a month's file lies.
func CatalogKey(account string, month manifest.Month) string {
	return Catalog(account) + month.First.Format("year=2006/month=01/") + "catalog.parquet"
}

// KeeperKey is of no interest to query engines, which skip such names.
func KeeperKey(account string) string { return Catalog(account) + "_manifest.json" }
