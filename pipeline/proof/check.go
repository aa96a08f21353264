package proof

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// Statement is what a proof proves. Its JSON is a contract.
type Statement struct {
	Intact   bool     `json:"intact"`             // nothing speaks against it
	Summary  string   `json:"summary"`            // in a sentence; "" unless intact
	Problems []string `json:"problems,omitempty"` // each names a file

	Account string    `json:"account"`
	Kind    vbc.Kind  `json:"kind"`
	Owner   string    `json:"owner,omitempty"`
	ID      int64     `json:"id"`
	Start   time.Time `json:"start,omitzero"` // UTC; zero if no receipt says it

	Erased bool         `json:"erased"` // from the archive: there is no copy
	Copy   []CopyFile   `json:"copy,omitempty"`
	Events []Event      `json:"events,omitempty"`
	Logs   []CheckedLog `json:"logs,omitempty"`
	Files  int          `json:"files"` // in the directory
}

// CopyFile is a file of the copy, as the receipts have it.
type CopyFile struct {
	What Role   `json:"what"`
	Name string `json:"name"`
	storage.Content
}

// CheckedLog is a log whose checkpoint was checked.
type CheckedLog struct {
	Chain    string `json:"chain"`
	Size     int64  `json:"size"` // entries
	Root     string `json:"root"`
	Verifier string `json:"verifier"`
	Receipts int    `json:"receipts"` // of it in the proof
}

// Check reads a proof, every byte of it, and says what it proves to somebody who knows
// that these keys are those of the logs. It needs nothing but the directory. Whatever
// is wrong is in the statement; the error says that the directory can't be read at all.
func Check(ctx context.Context, dir string, keys receipt.Keys) (Statement, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return Statement{}, fmt.Errorf("read the proof: %w", err)
	}
	defer func() { _ = root.Close() }() // it was only read
	c := checker{ctx: ctx, root: root, keys: keys, has: map[string]storage.Content{}, logs: map[string]*logFiles{}}
	if err := c.read(); err != nil {
		return Statement{}, fmt.Errorf("read the proof: %w", err)
	}
	c.checkSums()
	c.checkLogs()
	c.checkStory()
	c.s.Files = len(c.has)
	c.s.Intact = len(c.s.Problems) == 0
	if !c.s.Intact {
		c.s.Summary = ""
	}
	return c.s, nil
}

// checker checks one proof.
type checker struct {
	ctx  context.Context
	root *os.Root
	keys receipt.Keys
	has  map[string]storage.Content // every file
	logs map[string]*logFiles       // by their directories' names
	told [][]told                   // of each log, what is proven to be in it
	s    Statement
}

// logFiles are the files of one log's directory.
type logFiles struct {
	entries []string // names without endings, each once, in order
	others  map[string]bool
}

func (c *checker) problem(format string, args ...any) {
	c.s.Problems = append(c.s.Problems, fmt.Sprintf(format, args...))
}

var (
	logForm   = regexp.MustCompile(`^receipts/([A-Z0-9]{1,40}(?:-[0-9]{1,3})?)/([^/]+)$`)
	entryForm = regexp.MustCompile(`^([0-9]{12})(\.json|\.tlog-proof)$`)
)

// read hashes every file, and sees which belong to a log.
func (c *checker) read() error {
	return fs.WalkDir(c.root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			return c.ctx.Err()
		case !d.Type().IsRegular():
			c.problem("%s is not a file", name)
			return nil
		}
		if c.has[name], err = c.hash(name); err != nil {
			return err
		}
		if m := logForm.FindStringSubmatch(name); m != nil {
			c.sort(m[1], m[2])
		}
		return nil
	})
}

func (c *checker) hash(name string) (has storage.Content, err error) {
	f, err := c.root.Open(name)
	if err != nil {
		return has, err
	}
	defer f.Close()
	h := sha256.New()
	has.Size, err = io.Copy(h, f)
	has.SHA256 = storage.Digest(h.Sum(nil))
	return has, err
}

// sort puts a file of a log where it belongs.
func (c *checker) sort(log, file string) {
	l := c.logs[log]
	if l == nil {
		l = &logFiles{others: map[string]bool{}}
		c.logs[log] = l
	}
	if m := entryForm.FindStringSubmatch(file); m == nil {
		l.others[file] = true
	} else if n := len(l.entries); n == 0 || l.entries[n-1] != m[1] { // the walk is in order
		l.entries = append(l.entries, m[1])
	}
}

// small reads a file whole, "" if it isn't there or can't be a proof's.
func (c *checker) small(name string, most int64) ([]byte, bool) {
	has, there := c.has[name]
	switch {
	case !there:
		c.problem("%s is missing", name)
		return nil, false
	case has.Size > most:
		c.problem("%s is too large", name)
		return nil, false
	}
	text, err := c.root.ReadFile(name)
	if err != nil || storage.SumOf(text) != has.SHA256 {
		c.problem("%s can't be read, or changes while it is read", name)
		return nil, false
	}
	return text, true
}

// checkSums compares all files with the list of their digests.
func (c *checker) checkSums() {
	text, ok := c.small(sumsName, maxPage)
	if !ok {
		return
	}
	want := map[string]storage.Digest{}
	for line := range strings.Lines(string(text)) {
		sum, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		d, err := storage.ParseDigest(sum)
		if err != nil || name == "" {
			c.problem("%s has a line that is not of its form: %.100q", sumsName, line)
			continue
		}
		want[name] = d
	}
	has := map[string]storage.Digest{}
	for name, content := range c.has {
		if name != sumsName {
			has[name] = content.SHA256
		}
	}
	if string(sumsOf(has)) == string(text) {
		return
	}
	said := len(c.s.Problems)
	for _, name := range sortedNames(want) {
		switch d, there := has[name]; {
		case !there:
			c.problem("%s is missing, and %s names it", name, sumsName)
		case d != want[name]:
			c.problem("%s has another SHA-256 than %s says", name, sumsName)
		}
	}
	for _, name := range sortedNames(has) {
		if _, listed := want[name]; !listed {
			c.problem("%s is not listed in %s", name, sumsName)
		}
	}
	if len(c.s.Problems) == said {
		c.problem("%s is not in its form", sumsName)
	}
}
