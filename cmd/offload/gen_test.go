// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const filterExample = "../../examples/filter"

func TestGen(t *testing.T) {
	src, err := os.ReadFile(filepath.Join(filterExample, "filter.go"))
	if err != nil {
		t.Fatal(err)
	}
	name := file(t, "filter.go", string(src))
	dir := filepath.Dir(name)
	tool(t, "gen", name, "--c", dir).want(t, exitOK, "", "")
	for _, f := range []struct{ got, want string }{{"filter_offload.go", "filter_offload.go"}, {"filter_offload.h", "firmware/filter_offload.h"},
		{"filter_offload.c", "firmware/filter_offload.c"}} {
		got, err := os.ReadFile(filepath.Join(dir, f.got))
		if err != nil {
			t.Fatal(err)
		}
		if want, err := os.ReadFile(filepath.Join(filterExample, f.want)); err != nil || string(got) != string(want) {
			t.Errorf("%s is not that of the example: %v", f.got, err)
		}
	}
	tool(t, "gen", name, "--go", "-").want(t, exitOK, "type FilterClient struct", "")
}

func TestGenFrom(t *testing.T) {
	o := tool(t, "gen", "--from", "dsp0", "--package", "dsp")
	o.want(t, exitOK, "\t// FirQ15 is the method \"fir_q15\".\n\tFirQ15(ctx context.Context) error\n", "")
	if !strings.HasPrefix(o.stdout, "package dsp\n") {
		t.Errorf("package:\n%s", o.stdout)
	}
	tool(t, "gen", file(t, "dsp.go", o.stdout), "--go", "-").want(t, exitOK, "FirQ15(ctx context.Context) error {", "")
}

func TestGenErrors(t *testing.T) {
	bad := file(t, "bad.go", "package p\n\ntype I interface {\n\tM(a int) error\n}\n")
	good := file(t, "good.go", "package p\n\nimport \"context\"\n\ntype I interface{ M(context.Context) error }\n")
	for _, test := range []struct {
		args []string
		code exitCode
		text string
	}{
		{nil, exitUsage, "either a description"},
		{[]string{bad, "--from", "dsp0"}, exitUsage, "either a description"},
		{[]string{good, "--package", "p"}, exitUsage, "--package is for --from"},
		{[]string{"--from", "dsp0", "--c", "."}, exitUsage, "--go and --c are for a description"},
		{[]string{bad}, exitUsage, bad + ":4:3: method M: the first parameter is a context.Context"},
		{[]string{file(t, "a.txt", "")}, exitUsage, "a description is a Go file"},
		{[]string{"/nonexistent/a.go"}, exitNotFound, "/nonexistent/a.go"},
		{[]string{good, "--c", "/nonexistent"}, exitNotFound, "/nonexistent"},
		{[]string{"--from", "dsp9"}, exitNotFound, "dsp9"},
		{[]string{"--from", "dsp0", "--package", "a b"}, exitUsage, "not a name for a package"},
	} {
		if o := tool(t, append([]string{"gen"}, test.args...)...); o.code != test.code || !strings.Contains(o.stderr, test.text) {
			t.Errorf("gen %q: %d, %q; want %d, %q", test.args, o.code, o.stderr, test.code, test.text)
		}
	}
	if _, err := os.Stat(strings.TrimSuffix(bad, ".go") + "_offload.go"); err == nil {
		t.Error("a client of a defective description was written")
	}
}
