package restore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/progress"
	"github.com/vbcvault/vbcvault/pipeline/retry"
	"github.com/vbcvault/vbcvault/storage"
)

// damagedError says that an object isn't what the manifest has of it.
type damagedError struct {
	Key       string
	Want, Has storage.Content
}

func (e *damagedError) Error() string {
	return fmt.Sprintf("%s is damaged: it has %d bytes with SHA-256 %s, but was archived with %d bytes and %s", e.Key, e.Has.Size, e.Has.SHA256, e.Want.Size, e.Want.SHA256)
}

func isDamaged(err error) bool {
	_, damaged := errors.AsType[*damagedError](err)
	return damaged
}

// file fetches one file unless it is there.
func (r *restorer) file(ctx context.Context, row manifest.Row, f restored) (fetched bool, err error) {
	if there, err := r.to.Holds(ctx, f.name, f.object.Content); there || err != nil {
		return false, localFault(err)
	}
	err = r.again.Do(ctx, &retry.Patience{}, func() error {
		in, err := r.store.Open(ctx, f.object)
		if err != nil {
			return faultOf(err)
		}
		defer in.Close()
		return localFault(r.to.Create(ctx, f.name, storage.Body{
			Reader: progress.Reader{Reader: in, Count: &r.stats.Downloaded}, Size: f.object.Size,
			Seal: func(has storage.Object) error { return compare(f.object, has.Content) },
		}, row.Start))
	})
	if err != nil {
		return false, err
	}
	r.files.Add(1)
	r.bytes.Add(f.object.Size)
	return true, nil
}

// localFault marks what the file system says of one name: trying again won't help.
func localFault(err error) error {
	if _, ok := errors.AsType[*fs.PathError](err); ok || errors.Is(err, fs.ErrExist) {
		return &fault{err}
	}
	return err
}

// compare is nil if an object has the content that it was archived with.
func compare(o storage.Object, has storage.Content) error {
	if has != o.Content {
		return &damagedError{Key: o.Key, Want: o.Content, Has: has}
	}
	return nil
}
