// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func readme(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestReadmeExample wants that the Go code of the README is the example of package runtime, which is compiled and run.
func TestReadmeExample(t *testing.T) {
	_, code, ok := strings.Cut(readme(t), "```go\n")
	code, _, ok2 := strings.Cut(code, "```\n")
	source, err := os.ReadFile("../../runtime/example_test.go")
	if err != nil || !ok || !ok2 {
		t.Fatal(err, ok, ok2)
	}
	_, body, _ := strings.Cut(string(source), "func Example() {\n")
	body, _, ok = strings.Cut(body, "\t// Output:")
	if !ok {
		t.Fatal("the example is not run: it has no output")
	}
	if want := strings.ReplaceAll("\n"+body, "\n\t", "\n")[1:]; code != want {
		t.Errorf("README.md has\n%s\nthe example is\n%s", code, want)
	}
}

func TestReadmeExitCodes(t *testing.T) {
	var want strings.Builder
	want.WriteString("| code | meaning |\n|---|---|\n")
	for _, e := range exitCodes {
		fmt.Fprintf(&want, "| %d | %s |\n", e.code, e.text)
	}
	if !strings.Contains(readme(t), want.String()+"\n") {
		t.Errorf("README.md does not have this table:\n%s", want.String())
	}
}

// TestReadmeTables wants that the addresses in the README are those that the demonstration prints.
func TestReadmeTables(t *testing.T) {
	_, table, _ := strings.Cut(readme(t), "    BUFFER ")
	table, _, _ = strings.Cut("BUFFER "+table, "\n\n")
	b, err := os.ReadFile("testdata/demo-dsp0.golden")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(table) {
		if !strings.Contains(string(b), "  "+strings.TrimSpace(line)+"\n") {
			t.Errorf("the demonstration does not print %q", line)
		}
	}
}

// TestReadmePicture wants that the picture of the README is what the demonstration makes.
func TestReadmePicture(t *testing.T) {
	out := filepath.Join(t.TempDir(), "demo.png")
	tool(t, "demo", "--side-by-side", "-o", out).want(t, exitOK, "agree", "")
	if got, want := grey(t, "../../docs/demo.png"), grey(t, out); got.Rect != want.Rect || !bytes.Equal(got.Pix, want.Pix) {
		t.Error("docs/demo.png is not what offload demo --side-by-side writes")
	}
}

// TestReadmeLook wants a short README whose links lead somewhere and whose commands exist.
func TestReadmeLook(t *testing.T) {
	text := readme(t)
	if n := strings.Count(text, "\n"); n >= 150 {
		t.Errorf("README.md has %d lines", n)
	}
	for _, m := range regexp.MustCompile(`\]\(([^)#:]+)\)`).FindAllStringSubmatch(text, -1) {
		if _, err := os.Stat(filepath.Join("../..", m[1])); err != nil {
			t.Error(err)
		}
	}
	root := (&cli{getenv: func(string) string { return "" }}).root()
	commands := regexp.MustCompile(`(?m)^    offload ([^#\n]+)`).FindAllStringSubmatch(text, -1)
	if len(commands) < 8 {
		t.Errorf("commands: %q", commands)
	}
	for _, m := range commands {
		cmd, args, err := root.Find(strings.Fields(m[1]))
		if err == nil {
			err = cmd.ParseFlags(args)
		}
		if err != nil || cmd == root {
			t.Errorf("%q: %v", m[1], err)
		}
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z]+)` \\|").FindAllStringSubmatch(text, -1) {
		if _, err := os.Stat(filepath.Join("../..", m[1], "doc.go")); err != nil {
			t.Error(err)
		}
	}
}
