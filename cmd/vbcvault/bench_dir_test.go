//go:build unix

package main_test

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"golang.org/x/sync/errgroup"

	"github.com/vbcvault/vbcvault/storage/storagetest"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

var directoryLoads = []load{
	{name: "20kB", says: "20 kB", n: 1000, size: 20_000, workers: 16, toDir: true},
	{name: "300kB", says: "300 kB", n: 500, size: 300_000, workers: 16, toDir: true},
	{name: "20MB", says: "20 MB", n: 20, size: 20_000_000, workers: 16, toDir: true},
}

// BenchmarkDirectory is BenchmarkArchive with a directory as destination. The loop has
// all durable steps there: what is written is synced before it gets its name, the name
// after that, and both files are read back.
//
// Beside it rclone move brings as many files of that size out of a bucket into the
// directory, and removes them there: it compares what it has received with the MD5 that
// the bucket has, writes no metadata, syncs nothing and doesn't read back. It doesn't ask
// the simulator for them, so that of its wall time some is the S3 server's.
func BenchmarkDirectory(b *testing.B) {
	var done []rounds
	for _, l := range directoryLoads {
		b.Run("load="+l.name, func(b *testing.B) {
			all := []contestant{looping(floor), looping(floorAgain), ours("vbcvault", "--fetch", "direct"), rclone()}
			if *against != "" {
				all = contestants(b, l)
			}
			r := compete(b, l, countOfRounds(), all...)
			r.report(b)
			done = append(done, r)
		})
	}
	table(os.Stdout, done)
}

// rclone is rclone move out of a bucket.
func rclone() contestant {
	return contestant{
		name: "rclone-move",
		missing: func() string {
			if _, err := exec.LookPath("rclone"); err != nil {
				return "rclone isn't in PATH"
			}
			return ""
		},
		command: func(c *contest) *exec.Cmd {
			server := storagetest.StartS3(c.t)
			c.source = server.NewBucket(c.t)
			c.fillSource(server.Client())
			cmd := exec.Command("rclone", "move", ":s3:"+c.source, strings.TrimPrefix(c.to, "file://"), "--s3-provider", "Other", "--s3-endpoint", server.URL,
				"--s3-access-key-id", server.AccessKey, "--s3-secret-access-key", server.SecretKey, "--transfers", fmt.Sprint(c.workers), "--checkers", fmt.Sprint(c.workers),
				"--config", "", "--log-level", "NOTICE")
			cmd.Env = c.env
			return cmd
		},
		moved: func(c *contest) int {
			if left := len(storagetest.StartS3(c.t).Keys(c.t, c.source)); left > 0 {
				c.t.Errorf("%d files are still in the bucket", left)
			}
			return c.filesThere()
		},
	}
}

// fillSource puts the recordings' audio into a bucket.
func (c *contest) fillSource(client *s3.Client) {
	var g errgroup.Group
	g.SetLimit(c.workers)
	for i := range int64(c.n) {
		key := fmt.Sprintf("2025/11/%02d/%d.mp3", i%28, i)
		g.Go(func() error {
			_, err := client.PutObject(c.t.Context(), &s3.PutObjectInput{Bucket: &c.source, Key: &key, Body: vbctest.Recording{ID: 1 + i, Size: c.size}.Audio()})
			return err
		})
	}
	if err := g.Wait(); err != nil {
		c.t.Fatal(err)
	}
}

// filesThere counts the files in the destination that have a recording's size.
func (c *contest) filesThere() (n int) {
	err := filepath.WalkDir(strings.TrimPrefix(c.to, "file://"), func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if info, err := d.Info(); err == nil && info.Size() == c.size {
			n++
		}
		return nil
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return n
}
