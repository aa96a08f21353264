package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/manpage"
)

func newGenerate(s streams) *cobra.Command {
	var date string
	cmd := &cobra.Command{
		Use:   "generate DIR",
		Short: "Write manual pages and shell completions, for packages",
		Long: `Generate writes the manual as pages for man, and completions for bash, zsh and
fish, below DIR, in the layout of /usr/share. Files that are there already are
replaced. Packages have these files; who installs the program alone can make
them with this command.

The pages show the day of --date, or of the variable SOURCE_DATE_EPOCH, or else
of today. Everything else is the same for the same version of the program.`,
		Example: `  sudo vbcvault generate /usr/local/share
  man vbcvault-archive
  man 7 vbcvault-safety`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			day, err := dayOfPages(date)
			if err != nil {
				return err
			}
			n, err := generate(cmd.Root(), args[0], day)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(s.out, "%d files are below %s\n", n, args[0])
			return err
		},
	}
	cmd.Flags().StringVar(&date, "date", "", "the `DAY` that the pages show, as in 2026-01-31 (default: of SOURCE_DATE_EPOCH, else today)")
	return cmd
}

// dayOfPages is what --date says, or SOURCE_DATE_EPOCH (reproducible-builds.org), or today.
func dayOfPages(flag string) (time.Time, error) {
	if flag != "" {
		day, err := time.Parse(time.DateOnly, flag)
		if err != nil {
			return day, usagef("write it as in 2026-01-31", "--date %q is not a day", flag)
		}
		return day, nil
	}
	epoch := os.Getenv("SOURCE_DATE_EPOCH")
	if epoch == "" {
		return time.Now().UTC(), nil
	}
	seconds, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil {
		return time.Time{}, usagef("set it to seconds since 1970, or give --date", "SOURCE_DATE_EPOCH %q is not a number", epoch)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// generate writes all files and says how many. What was there under their names is
// replaced; after an error some may be written.
func generate(root *cobra.Command, dir string, day time.Time) (n int, err error) {
	files := manualPages(root, day)
	for path, write := range map[string]func(io.Writer) error{
		"bash-completion/completions/vbcvault":    func(w io.Writer) error { return root.GenBashCompletionV2(w, true) },
		"zsh/vendor-completions/_vbcvault":        root.GenZshCompletion,
		"fish/vendor_completions.d/vbcvault.fish": func(w io.Writer) error { return root.GenFishCompletion(w, true) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			return 0, err
		}
		files[path] = b.Bytes()
	}
	for path, content := range files {
		if err := writeShared(dir, filepath.FromSlash(path), content); err != nil {
			return 0, usagef("name a directory that you may write in", "%w", err)
		}
	}
	return len(files), nil
}

// writeShared writes a file below dir that everybody may read, and so the directories
// that it makes on the way, whatever the umask is.
func writeShared(dir, path string, content []byte) error {
	var made []string
	for d := filepath.Join(dir, filepath.Dir(path)); ; d = filepath.Dir(d) {
		if _, err := os.Stat(d); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		made = append(made, d)
	}
	path = filepath.Join(dir, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // for everybody
		return err
	}
	if err := os.WriteFile(path, content, 0o644); err != nil { //nolint:gosec // for everybody
		return err
	}
	for _, d := range made {
		if err := os.Chmod(d, 0o755); err != nil { //nolint:gosec // for everybody
			return err
		}
	}
	return os.Chmod(path, 0o644) //nolint:gosec // for everybody
}

// filesHelp is where the program looks for files, unless flags or the environment say
// otherwise.
const filesHelp = `  ~/.local/state/vbcvault  manifests and their keys, and what the service and
                  the page keep. XDG_STATE_HOME and VBCVAULT_STATE_DIR can put it elsewhere
  /etc/vbcvault/config.yaml  the configuration file of the service that packages install
  /etc/vbcvault/secrets  the secrets of that service
  /var/lib/vbcvault  its state directory

See vbcvault help formats for what is in them.`

// otherStatus is what pages say that don't list the codes.
const otherStatus = `0 if everything is well. See vbcvault archive --help for the other codes, and for
the variables of the environment.`

// manualPages are the pages by their path below a directory like /usr/share.
func manualPages(root *cobra.Command, day time.Time) map[string][]byte {
	book := &manpage.Book{Source: "vbcvault " + programVersion(), Date: day, Topics: topicNames}
	more := []manpage.Section{{Title: "ENVIRONMENT", Text: body(environmentHelp)}, {Title: "EXIT STATUS", Text: body(exitCodes)}}
	files := map[string][]byte{}
	for _, cmd := range family(root) {
		if cmd != root && !manpage.Shown(cmd) {
			continue
		}
		var sections []manpage.Section
		topics := topicsOf[topLevel(cmd).Name()]
		switch cmd.Name() {
		case "vbcvault":
			sections, topics = slices.Concat(more, []manpage.Section{{Title: "FILES", Text: filesHelp}}), topicNames
		case "archive":
			sections = more
		default:
			if !cmd.HasSubCommands() {
				sections = []manpage.Section{{Title: "EXIT STATUS", Text: otherStatus}}
			}
		}
		files["man/man1/"+manpage.Name(cmd)+".1"] = book.Command(cmd, sections, topics)
	}
	for _, name := range topicNames {
		t, ok := readTopic(name)
		if !ok {
			continue
		}
		var commands []string
		for _, c := range root.Commands() {
			if slices.Contains(topicsOf[c.Name()], name) {
				commands = append(commands, c.Name())
			}
		}
		files["man/man7/vbcvault-"+name+".7"] = book.Topic(t.name, t.about, t.page, commands)
	}
	return files
}

// topLevel is the command of the program that cmd is, or is below.
func topLevel(cmd *cobra.Command) *cobra.Command {
	for cmd.HasParent() && cmd.Parent().HasParent() {
		cmd = cmd.Parent()
	}
	return cmd
}

// body is a text without its first line, which is its title.
func body(text string) string {
	_, text, _ = strings.Cut(text, "\n")
	return text
}
