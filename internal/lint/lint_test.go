// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/offload-runtime/offload/internal/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

// TestModule holds the rules for the whole module.
func TestModule(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if mod, err := os.ReadFile(filepath.Join(root, "go.mod")); err != nil || !strings.HasPrefix(string(mod), "module "+module+"\n") {
		t.Fatalf("%s is not the root of %s: %v", root, module, err)
	}
	files, err := load(root)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 10 {
		t.Fatalf("only %d files below %s", len(files), root)
	}
	problems := check(files)
	slices.SortFunc(problems, func(a, b problem) int { return strings.Compare(a.String(), b.String()) })
	for _, p := range problems {
		t.Error(p)
	}
}

const header = "// SPDX-License-Identifier: Apache-2.0\n\n"

// imports is a file of package p that imports what is given.
func imports(list ...string) string {
	var b strings.Builder
	b.WriteString(header + "package p\n")
	for _, i := range list {
		if !strings.Contains(i, ".") && (strings.Contains(i, "/") || rooms[i] != nil) {
			i = module + "/" + i
		}
		b.WriteString("\nimport _ \"" + i + "\"\n")
	}
	return b.String()
}

func TestRules(t *testing.T) {
	code := func(s string) string { return header + "package p\n\n" + s + "\n" }
	leakMain := "import (\n\t\"testing\"\n\n\t\"" + module + "/internal/leak\"\n)\n\nfunc TestMain(m *testing.M) { leak.Main(m) }\n"
	for _, test := range []struct {
		name, path, src string
		want            string // part of the only problem; empty for none
	}{
		{"down", "runtime/a.go", imports("bufmap", "subbuf", "firmware", "rpmsg", "dmabuf", "internal/wire"), ""},
		{"bottom", "dmabuf/a.go", imports("internal/sys"), ""},
		{"up", "dmabuf/a.go", imports("bufmap"), "dmabuf must not import bufmap"},
		{"internal up", "internal/sys/a.go", imports("dmabuf"), "internal must not import dmabuf"},
		{"sideways", "bufmap/a.go", imports("rpmsg"), "bufmap must not import rpmsg"},
		{"sideways to a part", "rpmsg/a.go", imports("firmware/elf"), "rpmsg must not import firmware/elf"},
		{"own part", "firmware/a.go", imports("firmware/elf"), ""},
		{"runtime from below", "subbuf/a.go", imports("runtime"), "subbuf must not import runtime"},
		{"runtime from sim", "sim/a.go", imports("runtime", "dmabuf", "bufmap", "rpmsg", "firmware"), ""},
		{"subbuf from sim", "sim/a.go", imports("subbuf"), "sim must not import subbuf"},
		{"sim from runtime", "runtime/a.go", imports("sim"), "runtime must not import sim"},
		{"sim from a test", "runtime/a_test.go", imports("sim"), ""},
		{"program", "cmd/offload/a.go", imports("sim", "runtime"), ""},
		{"unknown room", "attic/a.go", imports(), "room \"attic\" is not among"},
		{"leak outside of tests", "bufmap/a.go", imports("internal/leak"), "internal/leak is for tests"},
		{"unix", "bufmap/a.go", imports("golang.org/x/sys/unix"), "unix outside of internal/sys"},
		{"unix in a test", "bufmap/a_test.go", imports("golang.org/x/sys/unix"), "unix outside of internal/sys"},
		{"unix in sys", "internal/sys/a.go", imports("golang.org/x/sys/unix"), ""},
		{"unix beside sys", "internal/sysfs/a.go", imports("golang.org/x/sys/unix"), "unix outside of internal/sys"},
		{"unix in the guest", "test/qemu/guest/a.go", imports("golang.org/x/sys/unix"), ""},
		{"unsafe", "bufmap/a.go", imports("unsafe"), "unsafe outside"},
		{"unsafe in its file", "bufmap/a_unsafe.go", imports("unsafe"), ""},
		{"unsafe in its test", "bufmap/a_unsafe_test.go", imports("unsafe"), ""},
		{"unsafe in a test", "bufmap/a_test.go", imports("unsafe"), "unsafe outside"},
		{"unsafe by name only", "bufmap/unsafely.go", imports("unsafe"), "unsafe outside"},

		{"init", "bufmap/a.go", code("func init() {}"), "a.go:5: init function"},
		{"a method init", "bufmap/a.go", code("type t struct{}\n\nfunc (t) init() {}"), ""},
		{"sleep in a test", "bufmap/a_test.go", code("import \"time\"\n\nfunc f() { time.Sleep(1) }"), "time.Sleep in a test"},
		{"sleep elsewhere", "bufmap/a.go", code("import \"time\"\n\nfunc f() { time.Sleep(1) }"), ""},
		{"sleep on a false clock", "bufmap/a_test.go", code("import (\n\t\"testing/synctest\"\n\t\"time\"\n)\n\nfunc f() { synctest.Test(nil, func() { time.Sleep(1) }) }"), ""},
		{"exit", "bufmap/a.go", code("import \"os\"\n\nfunc f() { os.Exit(1) }"), "only programs"},
		{"environment", "bufmap/a.go", code("import \"os\"\n\nvar _ = os.Getenv(\"X\")"), "only programs"},
		{"print", "bufmap/a.go", code("import \"fmt\"\n\nfunc f() { fmt.Println() }"), "only programs"},
		{"program prints", "cmd/offload/a.go", code("import \"fmt\"\n\nfunc f() { fmt.Println() }"), ""},
		{"log", "bufmap/a.go", imports("log"), "slog.Logger"},
		{"tests without leak check", "bufmap/a_test.go", code("func TestX() {}"), "no TestMain"},
		{"TestMain without leak check", "bufmap/a_test.go", code("func TestX() {}\n\nfunc TestMain() {}"), "no TestMain"},
		{"tests with leak check", "bufmap/a_test.go", code(leakMain + "\nfunc TestX() {}"), ""},

		{"error", "bufmap/a.go", code("import \"errors\"\n\nvar ErrX = errors.New(\"x\")"), ""},
		{"error of a constructor", "bufmap/a.go", code("var errX = malformed(\"x\")"), ""},
		{"a constructor of something", "bufmap/a.go", code("var x = malformed(\"x\")"), "package variable x"},
		{"expression", "bufmap/a.go", code("import \"regexp\"\n\nvar x = regexp.MustCompile(\"x\")"), ""},
		{"table", "bufmap/a.go", code("var x = map[string]int{\"a\": 1}"), ""},
		{"assertion", "bufmap/a.go", code("var _ = 1"), ""},
		{"embedded", "bufmap/a.go", code("import _ \"embed\"\n\n//go:embed a.txt\nvar x string"), ""},
		{"counter", "bufmap/a.go", code("var n int"), "package variable n"},
		{"number", "bufmap/a.go", code("var n = 1"), "package variable n"},
		{"lock", "bufmap/a.go", code("import \"sync\"\n\nvar mu sync.Mutex"), "package variable mu"},
		{"made", "bufmap/a.go", code("var m = make(map[int]int)"), "package variable m"},
		{"second of two", "bufmap/a.go", code("var a, b = []int{}, 1"), "package variable b"},
		{"allowed", "internal/sys/a.go", code("var tracker int"), ""},
		{"allowed elsewhere", "bufmap/a.go", code("var tracker int"), "package variable tracker"},
		{"in a test", "bufmap/a_test.go", code("var n int"), ""},
		{"write to a table", "bufmap/a.go", code("var x = []int{1}\n\nfunc f() { x[0] = 2 }"), "a.go:7: writes to package variable x"},
		{"replace a table", "bufmap/a.go", code("var x = []int{1}\n\nfunc f() { x = nil }"), "writes to package variable x"},
		{"delete from a table", "bufmap/a.go", code("var x = map[int]int{}\n\nfunc f() { delete(x, 1) }"), "writes to package variable x"},
		{"a local of that name", "bufmap/a.go", code("var x = []int{1}\n\nfunc f() {\n\tx := []int{2}\n\tx[0] = 3\n}"), ""},
		{"a parameter of that name", "bufmap/a.go", code("var x = []int{1}\n\nfunc f(x []int) { x[0] = 3 }"), ""},
		{"a var of that name", "bufmap/a.go", code("var x = []int{1}\n\nfunc f() {\n\tvar x [1]int\n\tx[0] = 3\n}"), ""},

		{"no licence", "bufmap/a.go", "package p\n", "no SPDX"},
		{"no licence in C", "firmware/kit/a.c", "int x;\n", "no SPDX"},
		{"kernel's licence", "kmod/a.c", "// SPDX-License-Identifier: GPL-2.0\n", ""},
		{"kernel's licence in a header", "kmod/a.h", "/* SPDX-License-Identifier: GPL-2.0 */\n", ""},
		{"user space header", "kmod/a.h", "/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */\n", ""},
		{"kernel's licence in Go", "bufmap/a.go", "// SPDX-License-Identifier: GPL-2.0\n\npackage p\n", "Go code is Apache-2.0"},
		{"another licence", "kmod/a.c", "// SPDX-License-Identifier: Proprietary\n", "no SPDX"},
		{"format", "bufmap/a.go", header + "package p\n\nvar  _ = 1\n", "gofmt"},
		{"long", "bufmap/a.go", header + "package p\n" + strings.Repeat("\n// x\n", 250), "503 lines"},
		{"long C", "kmod/a.c", "// SPDX-License-Identifier: GPL-2.0\n" + strings.Repeat("\n", 500), "501 lines"},
		{"a promise", "bufmap/a.go", code("// TO" + "DO: more"), "TO" + "DO"},
		{"package comment astray", "bufmap/a.go", header + "// Package p.\npackage p\n", "belongs in doc.go"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, err := parse(test.path, []byte(test.src))
			if err != nil {
				t.Fatal(err)
			}
			files := []*file{f}
			got := check(files)
			// The sample is a single file; TestDocRule is about what is missing beside it.
			got = slices.DeleteFunc(got, func(p problem) bool { return strings.Contains(p.what, "no doc.go") })
			switch {
			case test.want == "" && len(got) > 0:
				t.Errorf("unexpected: %v", got)
			case test.want != "" && (len(got) != 1 || !strings.Contains(got[0].String(), test.want)):
				t.Errorf("got %v, want one with %q", got, test.want)
			}
		})
	}
}

func TestDocRule(t *testing.T) {
	sample := func(name, src string) *file {
		f, err := parse(name, []byte(header+src))
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	for _, test := range []struct {
		name  string
		files []*file
		want  string
	}{
		{"none", []*file{sample("bufmap/a.go", "package p\n")}, "bufmap: no doc.go"},
		{"empty", []*file{sample("bufmap/doc.go", "package p\n")}, "bufmap: no doc.go"},
		{"tests only", []*file{sample("bufmap/a_test.go", "package p\n")}, ""},
		{"program", []*file{sample("cmd/x/main.go", "// X does it.\npackage main\n")}, ""},
		{"library in main.go", []*file{sample("bufmap/main.go", "// X does it.\npackage p\n"), sample("bufmap/doc.go", "// P.\npackage p\n")}, "bufmap/main.go: the package"},
		{"good", []*file{sample("bufmap/doc.go", "// Package p.\npackage p\n"), sample("bufmap/a.go", "package p\n")}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := check(test.files)
			if test.want == "" && len(got) > 0 || test.want != "" && (len(got) != 1 || !strings.HasPrefix(got[0].String(), test.want)) {
				t.Errorf("got %v, want %q", got, test.want)
			}
		})
	}
}
