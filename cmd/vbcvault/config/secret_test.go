package config

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

const hidden = "correct horse"

// TestMain has the test binary be a program that is asked for a secret.
func TestMain(m *testing.M) {
	switch os.Getenv("SECRET_TEST_PROGRAM") {
	case "":
		os.Exit(m.Run())
	case "print":
		fmt.Println(hidden + strings.Join(os.Args[1:], "|"))
		fmt.Fprintln(os.Stderr, "noise")
	case "fail":
		fmt.Println(hidden)
		fmt.Fprintln(os.Stderr, hidden)
		os.Exit(7)
	case "much":
		for range 10000 {
			fmt.Println(hidden)
		}
	case "leave":
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "SECRET_TEST_PROGRAM=hang")
		cmd.Stdout = os.Stdout
		_ = cmd.Run()
	case "hang":
		if c, err := net.Dial("tcp", os.Getenv("SECRET_TEST_ADDRESS")); err == nil {
			_, _ = c.Read(make([]byte, 1)) // until the test ends
		}
	}
	os.Exit(0)
}

func TestSecretsAreFetched(t *testing.T) {
	t.Setenv("VBC_TEST_SECRET", hidden)
	t.Setenv("VBC_TEST_EMPTY", "")
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, mode string
		from       Secret
		want, err  string
	}{
		{name: "env", from: Secret{Env: "VBC_TEST_SECRET"}, want: hidden},
		{name: "no env", from: Secret{Env: "VBC_TEST_NONE"}, err: "environment variable VBC_TEST_NONE is not set"},
		{name: "empty env", from: Secret{Env: "VBC_TEST_EMPTY"}, err: "environment variable VBC_TEST_EMPTY is empty"},
		{name: "file", from: Secret{File: write("a", hidden+"\n")}, want: hidden},
		{name: "file of Windows", from: Secret{File: write("b", hidden+"\r\n")}, want: hidden},
		{name: "one newline only", from: Secret{File: write("c", hidden+" \n\n")}, want: hidden + " \n"},
		{name: "empty file", from: Secret{File: write("d", "\n")}, err: "file " + filepath.Join(dir, "d") + " is empty"},
		{name: "no file", from: Secret{File: filepath.Join(dir, "none")}, err: "file " + filepath.Join(dir, "none") + " can't be read: "},
		{name: "directory", from: Secret{File: dir}, err: "is not a regular file"},
		{name: "large file", from: Secret{File: write("e", strings.Repeat(hidden, 10000))}, err: "has more than 64 KiB"},
		{name: "just not too large", from: Secret{File: write("f", strings.Repeat("x", longest)+"\r\n")}, want: strings.Repeat("x", longest)},
		{name: "program", mode: "print", from: Secret{Exec: []string{program, "a b", "$HOME;"}}, want: hidden + "a b|$HOME;"},
		{name: "program fails", mode: "fail", from: Secret{Exec: []string{program, hidden}}, err: "program " + program + " ended with exit code 7; run it by hand"},
		{name: "program prints much", mode: "much", from: Secret{Exec: []string{program}}, err: "prints more than 64 KiB"},
		{name: "no program", from: Secret{Exec: []string{"vbcvault-no-such-program"}}, err: "is not in PATH"},
		{name: "nothing", err: "is no secret"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("SECRET_TEST_PROGRAM", c.mode)
			got, err := c.from.Resolve(t.Context())
			if got != c.want || (err != nil) != (c.err != "") {
				t.Fatalf("%q, %v", got, err)
			}
			if err != nil && (!strings.Contains(err.Error(), c.err) || strings.Contains(err.Error(), hidden)) {
				t.Errorf("%v", err)
			}
		})
	}
}

// A program that doesn't answer is ended with whoever waits for it, also one that has
// left its output to another.
func TestSecretsProgramIsEnded(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, mode := range []string{"hang", "leave"} {
		t.Run(mode, func(t *testing.T) {
			started, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer started.Close()
			t.Setenv("SECRET_TEST_PROGRAM", mode)
			t.Setenv("SECRET_TEST_ADDRESS", started.Addr().String())
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			go func() { // it hangs from here on
				if c, err := started.Accept(); err == nil {
					defer c.Close()
					stop()
					<-t.Context().Done()
				}
			}()
			if _, err := (Secret{Exec: []string{program}}).Resolve(ctx); err == nil || !strings.Contains(err.Error(), "interrupted") {
				t.Errorf("%v", err)
			}
		})
	}
}

// AWS is asked in the region of the ARN, for all of it, and only JSON is taken apart.
func TestSecretsOfAWS(t *testing.T) {
	const ref = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:vbc-AbCdEf"
	stored := `{"acme":"` + hidden + `","n":4,"none":null}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		var in struct{ SecretId string }
		if err := json.NewDecoder(req.Body).Decode(&in); err != nil || req.Header.Get("X-Amz-Target") != "secretsmanager.GetSecretValue" ||
			!strings.Contains(req.Header.Get("Authorization"), "/eu-central-1/secretsmanager/") {
			t.Errorf("%v %v", err, req.Header)
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		if in.SecretId != ref {
			w.Header().Set("X-Amzn-Errortype", "ResourceNotFoundException")
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(w, `{"__type":"ResourceNotFoundException","message":%q}`, hidden)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"ARN": ref, "SecretString": stored})
	}))
	defer server.Close()
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL_SECRETS_MANAGER": server.URL, "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent", "AWS_REGION": "us-east-1",
	} {
		t.Setenv(name, value)
	}
	for _, c := range []struct{ ref, want, err string }{
		{ref: ref + "#acme", want: hidden},
		{ref: ref, want: stored},
		{ref: ref + "#other", err: "has no such key"},
		{ref: ref + "#n", err: "not text"},
		{ref: ref + "#none", err: "not text"},
		{ref: strings.Replace(ref, "vbc", "other", 1), err: "can't be fetched: ResourceNotFoundException"},
	} {
		got, err := Secret{AWS: c.ref}.Resolve(t.Context())
		if got != c.want || (err != nil) != (c.err != "") {
			t.Errorf("%s: %q, %v", c.ref, got, err)
		}
		if err != nil && (!strings.Contains(err.Error(), c.err) || strings.Contains(err.Error(), hidden)) {
			t.Errorf("%s: %v", c.ref, err)
		}
	}
	stored = hidden
	if got, err := (Secret{AWS: ref + "#acme"}).Resolve(t.Context()); err == nil || strings.Contains(err.Error(), hidden) {
		t.Errorf("no JSON: %q, %v", got, err)
	}
	t.Setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://secrets.example.com")
	if got, err := (Secret{AWS: ref}).Resolve(t.Context()); err == nil || !strings.Contains(err.Error(), "the endpoint is http") {
		t.Errorf("an open endpoint: %q, %v", got, err)
	}
}

func TestSecretsThatOthersCanRead(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("modes are of another kind")
	}
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(hidden), 0o600); err != nil {
		t.Fatal(err)
	}
	s := Secret{File: path}
	if d := s.Doubt(); d != "" {
		t.Error(d)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if d := s.Doubt(); !strings.Contains(d, "mode 0644") {
		t.Errorf("%q", d)
	}
}
