package s3store

import (
	"context"
	"errors"
	"iter"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// errLost is a listing of which the server says that it goes on, and not where,
// or that it goes on where it was already. Neither its end nor the same page
// again would be the truth.
var errLost = errors.New("the server says that its listing continues, but not from where: the listing is incomplete")

// maxEmpty is how many pages in a row may show nothing and say that more is to
// come. Servers pass over what has been deleted that way.
const maxEmpty = 1000

// course notices when a listing goes in a circle, whatever its length, and
// keeps one place of it for that (Brent's algorithm). A place is where a page
// begins and where the next one is to begin: a server may have a new word for
// the same place each time, or the same word for the next.
type course struct {
	from, to    string // the place that is kept: a page's first entry, and its marker
	steps, till int    // pages since then, and after how many another place is kept
	empty       int    // pages in a row
}

// next says whether there is another page after one that begins with first.
func (c *course) next(truncated *bool, first string, markers ...*string) (bool, error) {
	if !aws.ToBool(truncated) {
		return false, nil
	}
	var to strings.Builder
	for _, m := range markers {
		to.WriteString(aws.ToString(m))
		to.WriteByte(0)
	}
	if aws.ToString(markers[0]) == "" {
		return false, errLost
	}
	if c.empty++; first != "" {
		c.empty = 0
	}
	if c.till > 0 && (to.String() == c.to || first != "" && first == c.from) || c.empty > maxEmpty {
		return false, errLost
	}
	if c.steps++; c.steps >= c.till {
		c.from, c.to, c.steps, c.till = first, to.String(), 0, max(1, 2*c.till)
	}
	return true, nil
}

// pages goes through a listing of objects. The SDK's own paginator takes a
// listing without a marker for ended.
func (s *Store) pages(ctx context.Context, prefix string, delimiter *string) iter.Seq2[*s3.ListObjectsV2Output, error] {
	return func(yield func(*s3.ListObjectsV2Output, error) bool) {
		in := &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: s.full(prefix), Delimiter: delimiter}
		for c, more := (course{}), true; more; {
			out, err := s.client.ListObjectsV2(ctx, in)
			if err != nil {
				yield(nil, s.explain("list", prefix, err))
				return
			}
			if !yield(out, nil) {
				return
			}
			first := ""
			if len(out.Contents) > 0 {
				first = "o" + aws.ToString(out.Contents[0].Key)
			}
			if len(out.CommonPrefixes) > 0 {
				first += "\x00p" + aws.ToString(out.CommonPrefixes[0].Prefix)
			}
			if more, err = c.next(out.IsTruncated, first, out.NextContinuationToken); err != nil {
				yield(nil, s.explain("list", prefix, err))
				return
			}
			in.ContinuationToken = out.NextContinuationToken
		}
	}
}
