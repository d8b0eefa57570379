// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/offload-runtime/offload/internal/leak"
)

// asTool makes the test binary be the tool, for tests that need a process.
const asTool = "OFFLOAD_TEST_AS_TOOL"

func TestMain(m *testing.M) {
	if os.Getenv(asTool) != "" {
		main()
	}
	leak.Main(m)
}

// update is a flag of this test binary: go test ./cmd/offload -update.
var update = flag.Bool("update", false, "write the golden files anew")

// outcome is what one run of the tool left behind.
type outcome struct {
	code           exitCode
	stdout, stderr string
}

// tool runs a command line in this process, without the environment of the test, on a simulated board unless args say
// otherwise.
func tool(t *testing.T, args ...string) outcome {
	t.Helper()
	return run(t, t.Context(), &cli{}, args...)
}

func run(t *testing.T, ctx context.Context, c *cli, args ...string) outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if c.stdin == nil {
		c.stdin = strings.NewReader("")
	}
	if c.getenv == nil {
		c.getenv = func(name string) string { return map[string]string{"OFFLOAD_BOARD": "sim"}[name] }
	}
	c.stdout, c.stderr = &stdout, &stderr
	code := c.run(ctx, args)
	return outcome{code, stdout.String(), stderr.String()}
}

// want checks the exit code and that each text is part of what was printed.
func (o outcome) want(t *testing.T, code exitCode, stdout, stderr string) {
	t.Helper()
	if o.code != code || !strings.Contains(o.stdout, stdout) || !strings.Contains(o.stderr, stderr) {
		t.Errorf("exit code %d, want %d; stdout %q, want %q in it; stderr %q, want %q in it", o.code, code, o.stdout, stdout, o.stderr, stderr)
	}
	if stderr == "" && o.stderr != "" {
		t.Errorf("stderr %q, want nothing", o.stderr)
	}
}

// golden compares text with a file below testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; -update writes it anew. Got:\n%s\nwant:\n%s", path, got, want)
	}
}

// file makes a file with that content.
func file(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}
