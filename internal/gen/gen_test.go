// SPDX-License-Identifier: Apache-2.0

package gen

import (
	"bytes"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/offload-runtime/offload/internal/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

// example is a description that is compiled and called in both languages there.
const example = "../../examples/filter"

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(example, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestGolden holds the output to the files of the example; offload gen writes them anew.
func TestGolden(t *testing.T) {
	f, err := Parse("filter.go", read(t, "filter.go"))
	if err != nil {
		t.Fatal(err)
	}
	client, err := f.Client()
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []struct {
		name string
		got  []byte
	}{{"filter_offload.go", client}, {"firmware/filter_offload.h", f.Header()}, {"firmware/filter_offload.c", f.Source("filter_offload.h")}} {
		if !bytes.Equal(file.got, read(t, file.name)) {
			t.Errorf("%s differs; run \"offload gen --c firmware filter.go\" in %s. Generated:\n%s", file.name, example, file.got)
		}
	}
}

const head = "package p\n\nimport (\n\t\"context\"\n\trt \"" + runtimePath + "\"\n)\n\n"

// TestErrors wants one error for each description, with line and column.
func TestErrors(t *testing.T) {
	method := func(s string) string { return head + "type I interface {\n" + s + "\n}\n" }
	for _, test := range []struct{ name, src, want string }{
		{"not Go", "package", `^not a Go file: d.go:1:8: `},
		{"nothing", "", `^not a Go file: d.go:1:1: `},
		{"no interface", "package p\n", `^d.go:1:9: no interface in this file`},
		{"no methods", head + "type I interface{}\n", `^d.go:8:6: interface I has no methods$`},
		{"generic", head + "type I[T any] interface{ M(context.Context) error }\n", `^d.go:8:7: interface I: type parameters`},
		{"name", head + "type Ü interface{ M(context.Context) error }\n", `^d.go:8:6: interface Ü: the name is also one in C`},
		{"embedded", method("\terror"), `^d.go:9:2: interface I: only methods`},
		{"type set", method("\tint | string"), `^d.go:9:2: interface I: only methods`},
		{"no context", method("\tM() error"), `^d.go:9:3: method M: the first parameter is a context.Context$`},
		{"context elsewhere", method("\tM(n int, ctx context.Context) error"), `method M: the first parameter is a context.Context`},
		{"no error", method("\tM(context.Context)"), `^d.go:9:2: method M: it returns error, or one result and error$`},
		{"wrong order", method("\tM(context.Context) (error, int)"), `^d.go:9:2: method M: it returns error`},
		{"two results", method("\tM(context.Context) (a, b int, err error)"), `^d.go:9:2: method M: it returns error`},
		{"small name", method("\tm(context.Context) error"), `^d.go:9:2: method m: the name begins with a capital`},
		{"foreign name", method("\tMß(context.Context) error"), `method Mß: the name begins with a capital`},
		{"unnamed", method("\tM(context.Context, int) error"), `^d.go:9:21: method M: parameters have names$`},
		{"blank", method("\tM(ctx context.Context, _ int) error"), `^d.go:9:25: method M, parameter _: a name has`},
		{"named ctx", method("\tM(_ context.Context, ctx int) error"), `parameter ctx: a name has letters .* not ctx$`},
		{"twice", method("\tM(_ context.Context, a, a int) error"), `^d.go:9:26: method M, parameter a: the name is taken$`},
		{"type", method("\tM(ctx context.Context, a map[string]int) error"), `^d.go:9:27: method M, parameter a of type map\[string\]int: a parameter is`},
		{"named type", method("\tM(ctx context.Context, a Level) error"), `parameter a of type Level: a parameter is`},
		{"pointer", method("\tM(ctx context.Context, a *rt.Buffer) error"), `parameter a of type \*rt.Buffer: a parameter is`},
		{"array", method("\tM(ctx context.Context, a [4]byte) error"), `parameter a of type \[4\]byte: a parameter is`},
		{"slice", method("\tM(ctx context.Context, a []int) error"), `parameter a of type \[\]int: a parameter is`},
		{"variadic", method("\tM(ctx context.Context, a ...int) error"), `parameter a of type \.\.\.int: a parameter is`},
		{"complex", method("\tM(ctx context.Context, a complex128) error"), `parameter a of type complex128: a parameter is`},
		{"uintptr", method("\tM(ctx context.Context, a uintptr) error"), `parameter a of type uintptr: a parameter is`},
		{"result", method("\tM(ctx context.Context) (rt.Ref, error)"), `^d.go:9:26: method M, result of type rt.Ref: a parameter is`},
		{"other runtime", "package p\nimport (\"context\"; \"runtime\")\ntype I interface { M(_ context.Context, a runtime.Ref) error }", `^d.go:3:43: method M, parameter a of type runtime.Ref`},
		{"no direction", method("\tM(ctx context.Context, a rt.Ref) error"), `^d.go:9:25: method M, parameter a: say what the firmware does with it: //offload:in a,`},
		{"no such parameter", method("\t//offload:in b\n\tM(ctx context.Context) error"), `^d.go:9:2: method M: no parameter b of type runtime.Ref$`},
		{"direction of a number", method("\t//offload:in a\n\tM(ctx context.Context, a int) error"), `^d.go:9:2: method M: no parameter a of type runtime.Ref$`},
		{"two directions", method("\t//offload:in a\n\t//offload:out a\n\tM(ctx context.Context, a rt.Ref) error"), `^d.go:10:2: parameter a has a direction already; //offload:inout`},
		{"nobody's direction", method("\t//offload:out\n\tM(ctx context.Context) error"), `^d.go:9:2: //offload:out wants the names`},
		{"directive", method("\t//offload:inn a\n\tM(ctx context.Context) error"), `^d.go:9:2: //offload:inn: there are`},
		{"empty directive", method("\t//offload:\n\tM(ctx context.Context) error"), `^d.go:9:2: //offload:: there are`},
		{"no wire name", method("\t//offload:method\n\tM(ctx context.Context) error"), `^d.go:9:2: //offload:method wants one name$`},
		{"long wire name", method("\t//offload:method " + strings.Repeat("m", 33) + "\n\tM(ctx context.Context) error"), `1 to 32 bytes`},
		{"odd wire name", method("\t//offload:method a\"b\n\tM(ctx context.Context) error"), `printable ASCII`},
		{"same wire name", method("\t//offload:method a\n\tM(ctx context.Context) error\n\tA(ctx context.Context) error"), `methods M and A are both "a" on the wire`},
		{"same in C", method("\tAB(ctx context.Context) error\n\t//offload:method x\n\tAb(ctx context.Context) error"), `methods AB and Ab are both ab in C`},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, err := Parse("d.go", []byte(test.src))
			if err == nil || f != nil || !regexp.MustCompile(test.want).MatchString(err.Error()) {
				t.Errorf("error %v, want %s", err, test.want)
			}
			if err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one: %v", err)
			}
		})
	}
	_, err := Parse("d.go", []byte(method("\tM(context.Context)\n\tN(context.Context)")))
	if err == nil || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("two mistakes: %v", err)
	}
}

func TestNames(t *testing.T) {
	for _, test := range []struct{ name, snake string }{
		{"Gain", "gain"}, {"AddI16", "add_i16"}, {"CRC32C", "crc32c"}, {"Gauss5x5", "gauss5x5"}, {"HTTPServer", "http_server"},
		{"A", "a"}, {"Add_I16", "add_i16"}, {"MatMulI8", "mat_mul_i8"},
	} {
		if got := snake(test.name); got != test.snake {
			t.Errorf("%s is %s, want %s", test.name, got, test.snake)
		}
	}
	for _, test := range []struct{ name, camel string }{
		{"add_i16", "AddI16"}, {"crc32c", "Crc32c"}, {"no such", "NoSuch"}, {"5x5", "X5"}, {"", "Method"}, {"äß", "Method"},
	} {
		if got := camel(test.name); got != test.camel {
			t.Errorf("%q is %s, want %s", test.name, got, test.camel)
		}
	}
}

// TestAwkwardNames has names that mean something in generated code, or in C.
func TestAwkwardNames(t *testing.T) {
	f, err := Parse("d.go", []byte(head+"// I ends with a backslash. \\\ntype I interface {\n\t//offload:in c\n\tM(ctx context.Context, c rt.Ref, err, runtime, uint8, register, call, user int8) (string, error)\n\tN(context.Context) error\n}\n"))
	if err != nil {
		t.Fatal(err)
	}
	client, err := f.Client()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"c_ runtime.Ref", "err_ int8", "runtime_ int8", "uint8_ int8", "return \"\", err"} {
		if !strings.Contains(string(client), want) {
			t.Errorf("client lacks %q:\n%s", want, client)
		}
	}
	if h := string(f.Header()); !strings.Contains(h, "int8_t register_, int8_t call_, int8_t user_);") || strings.Contains(h, "slash. \\\n") {
		t.Errorf("header:\n%s", h)
	}
}

func TestSkeleton(t *testing.T) {
	methods := []string{"sum", "crc32c", "CRC32C", "add_i16", "x y", strings.Repeat("m", 33), "über", "*/", "a.b", "a_b"}
	for _, firmware := range []string{"qemu dsp0", "", "*/\nfunc init() {}", strings.Repeat("x", 32)} {
		src, err := Skeleton("p", firmware, methods)
		if err != nil {
			t.Fatal(err)
		}
		f, err := Parse("skeleton.go", src)
		if err != nil {
			t.Fatalf("a skeleton is no description: %v\n%s", err, src)
		}
		if len(f.Interfaces) != 1 {
			t.Fatalf("%d interfaces:\n%s", len(f.Interfaces), src)
		}
		var wires []string
		for _, m := range f.Interfaces[0].Methods {
			wires = append(wires, m.Wire)
		}
		if got, want := strings.Join(wires, " "), "sum crc32c CRC32C add_i16 */ a.b a_b"; got != want {
			t.Errorf("methods %s, want %s", got, want)
		}
	}
	for _, pkg := range []string{"", "_", "func", "a b", "ü"} {
		if _, err := Skeleton(pkg, "f", methods); err == nil {
			t.Errorf("package %q is taken", pkg)
		}
	}
	if _, err := Skeleton("p", "f", nil); err == nil {
		t.Error("a firmware without methods is taken")
	}
}

// FuzzParse wants that what is taken becomes Go code.
func FuzzParse(f *testing.F) {
	src, err := os.ReadFile(filepath.Join(example, "filter.go"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(src)
	f.Add([]byte(head + "type I interface { M(context.Context) error }"))
	f.Fuzz(func(t *testing.T, src []byte) {
		d, err := Parse("d.go", src)
		if (d == nil) != (err != nil) {
			t.Fatal(d, err)
		}
		if err != nil {
			return
		}
		client, err := d.Client()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parser.ParseFile(token.NewFileSet(), "client.go", client, parser.AllErrors); err != nil {
			t.Fatal(err)
		}
		d.Header()
		d.Source("d.h")
	})
}
