// SPDX-License-Identifier: Apache-2.0

package peak_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/offload-runtime/offload/internal/leak"
	"github.com/offload-runtime/offload/internal/testenv"
	"github.com/offload-runtime/offload/internal/wire"
)

func TestMain(m *testing.M) { leak.Main(m) }

const page = "../../docs/first-remote-function.md"

// blocks are the code blocks of the page in a language.
func blocks(t *testing.T, language string) []string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, m := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```\n").FindAllStringSubmatch(string(text), -1) {
		list = append(list, m[1])
	}
	return list
}

// TestGo wants that the Go code of the page is the example, which is compiled and run.
func TestGo(t *testing.T) {
	source, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(string(source), "func Example() {\n")
	body, _, ok := strings.Cut(body, "\t// Output:")
	if !ok {
		t.Fatal("the example is not run: it has no output")
	}
	code := blocks(t, "go")
	if want := strings.ReplaceAll("\n"+body, "\n\t", "\n")[1:]; len(code) != 1 || code[0] != want {
		t.Errorf("the page has %q\nthe example is\n%s", code, want)
	}
}

// carrier is a system for the C code of the page: payloads as hexadecimal words in, answers as lines out.
const carrier = `
#include <stdint.h>
#include <stdio.h>
int carrier_send(uint32_t to, const void *payload, size_t length)
{
	const unsigned char *p = payload;
	while (length--)
		printf("%02x", *p++);
	puts("");
	return to != 1024;
}
void cache_invalidate(void *p, size_t length) { (void)p; (void)length; }
void cache_clean(void *p, size_t length) { (void)p; (void)length; }
int server_start(void);
void server_receive(uint32_t from, const void *payload, size_t length);
int main(int argc, char **argv)
{
	if (server_start())
		return 1;
	for (int i = 1; i < argc; i++) {
		unsigned char payload[496];
		unsigned byte;
		size_t n = 0;
		while (sscanf(argv[i] + 2 * n, "%2x", &byte) == 1)
			payload[n++] = (unsigned char)byte;
		server_receive(1024, payload, n);
	}
	return 0;
}
`

// TestC compiles the C code of the page with the kit and calls its function.
func TestC(t *testing.T) {
	gcc := testenv.NeedCommand(t, "gcc")
	code := blocks(t, "c")
	const place = "/* peak, as above */\n"
	if len(code) != 2 || strings.Count(code[1], place) != 1 {
		t.Fatalf("%d blocks of C", len(code))
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"peak.c": strings.Replace(code[1], place, code[0], 1), "carrier.c": carrier} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	kit := "../../firmware/kit"
	sources, err := filepath.Glob(kit + "/src/*.c")
	if err != nil || len(sources) == 0 {
		t.Fatal(sources, err)
	}
	exe := filepath.Join(dir, "peak")
	args := append([]string{"-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I" + kit + "/include", "-o", exe,
		filepath.Join(dir, "peak.c"), filepath.Join(dir, "carrier.c")}, sources...)
	if out, err := exec.CommandContext(t.Context(), gcc, args...).CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, out)
	}
	hello := wire.AppendRequest(nil, 0, wire.Method{Num: wire.MethodHello}, 6, false)
	for _, v := range []uint64{wire.Version, 496, 16, 64, 0, 0} {
		hello = wire.AppendUint(hello, v)
	}
	peak := func(id uint32) []byte {
		return wire.AppendRequest(nil, id, wire.Method{Name: []byte("peak")}, 1, false)
	}
	out, err := exec.CommandContext(t.Context(), exe, fmt.Sprintf("%x", hello), fmt.Sprintf("%x", wire.AppendBin(peak(1), []byte{1, 2, 255, 3})),
		fmt.Sprintf("%x", wire.AppendUint(peak(2), 5)), fmt.Sprintf("%x", wire.AppendRef(peak(3), wire.Ref{Addr: 0x100, Len: 4, Flags: wire.RefRead}))).Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Fields(string(out))
	if len(lines) != 4 || lines[1] != "940101c0ccff" || !strings.HasPrefix(lines[2], "94010292"+"02") || !strings.HasPrefix(lines[3], "94010392"+"03") {
		t.Errorf("answers:\n%s", out)
	}
}

// TestLinks wants that the links of the page lead somewhere.
func TestLinks(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	links := regexp.MustCompile(`\]\(([^)#: ]+)\)`).FindAllStringSubmatch(string(text), -1)
	if len(links) < 4 {
		t.Errorf("links: %q", links)
	}
	for _, m := range links {
		if _, err := os.Stat(filepath.Join("../../docs", m[1])); err != nil {
			t.Error(err)
		}
	}
}
