// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/offload-runtime/offload/sim"
)

// noise is n bytes that look random and are the same each time.
func noise(n int) []byte {
	b := make([]byte, n)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func TestCallValues(t *testing.T) {
	for _, test := range []struct{ arg, want, typ string }{
		{"5", "5", "integer"},
		{"-3", "-3", "integer"},
		{"0xff", "255", "integer"},
		{"18446744073709551615", "18446744073709551615", "integer"},
		{"-9223372036854775808", "-9223372036854775808", "integer"},
		{"true", "true", "bool"},
		{"false", "false", "bool"},
		{"nil", "nil", "nil"},
		{"s:", "", "string"},
		{"s:5", "5", "string"},
		{"s:a:b", "a:b", "string"},
		{"s:a\x1b[31m", `"a\x1b[31m"`, "string"},
		{"x:", "x:", "bytes"},
		{"x:0A0b", "x:0a0b", "bytes"},
		{"f:1.5", "1.5", "float"},
		{"f:-Inf", "-Inf", "float"},
		{`j:[1,-2,2.5,"<a>",null,true]`, `[1,-2,2.5,"<a>",null,true]`, "array"},
		{`j:{"a":[1]}`, `{"a":[1]}`, "map"},
		{"j:1.0", "1", "float"},
		{"j:7", "7", "integer"},
	} {
		o := tool(t, "call", "dsp0", "echo", "--arg", test.arg)
		if o.code != exitOK || o.stdout != test.want+"\n" || o.stderr != "" {
			t.Errorf("%q: exit code %d, %q, want %q; %s", test.arg, o.code, o.stdout, test.want, o.stderr)
		}
		var v struct{ Type string }
		if o := tool(t, "call", "dsp0", "echo", "--json", "--arg", test.arg); json.Unmarshal([]byte(o.stdout), &v) != nil || v.Type != test.typ {
			t.Errorf("%q: type %q in %q, want %q", test.arg, v.Type, o.stdout, test.typ)
		}
	}
	tool(t, "call", "dsp0", "echo", "--hex", "--arg", "3735928559").want(t, exitOK, "0xdeadbeef\n", "")
}

func TestCallNonsense(t *testing.T) {
	for _, test := range [][]string{
		{"--arg", ""}, {"--arg", "x"}, {"--arg", "1.5"}, {"--arg", "q:1"}, {"--arg", "x:0"}, {"--arg", "x:zz"}, {"--arg", "f:x"},
		{"--arg", "18446744073709551616"}, {"--arg", "j:"}, {"--arg", "j:[1"}, {"--arg", "j:1 2"}, {"--arg", "j:1e999"},
		{"--arg", "s:" + strings.Repeat("x", 600)},
		{"--in", ""}, {"--in", "data"}, {"--in", "=@f"}, {"--in", "data="}, {"--in", "data=@"}, {"--in", "data=file"}, {"--in", "data=x:1"},
		{"--in", ":ddr=1"}, {"--in", "data:=1"}, {"--in", "data=0"}, {"--in", "data=-5"}, {"--in", "data=5X"}, {"--in", "data=9999999999G"},
		{"--out", "data=@f"}, {"--out", "data=@f:"}, {"--out", "data=@:4"}, {"--out", "data=@f:0"}, {"--out", "data=@f:-4"}, {"--out", "data=s:text"},
		{"--inout", "data=@-"},
		{"--in", "a=@-", "--in", "b=@-"}, {"--out", "a=@-:4", "--out", "b=@-:4"}, {"--in", "a=1", "--out", "a=1"},
	} {
		if o := tool(t, append([]string{"call", "dsp0", "echo"}, test...)...); o.code != exitUsage || o.stdout != "" {
			t.Errorf("%q: exit code %d, stdout %q, stderr %q", test, o.code, o.stdout, o.stderr)
		}
	}
}

// TestCallFiles is about files of any size as buffers: much longer than a message, and empty.
func TestCallFiles(t *testing.T) {
	for _, n := range []int{0, 1, 63, 496, 4096, 4097, 3<<20 + 5} {
		for _, processor := range []string{"dsp0", "core0"} {
			data := noise(n)
			in := file(t, "in", string(data))
			want := fmt.Sprintln(crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli)))
			if o := tool(t, "call", processor, "crc32c", "--in", "data=@"+in); o.stdout != want {
				t.Errorf("crc32c of %d bytes on %s: %q, want %q; %s", n, processor, o.stdout, want, o.stderr)
			}
			if n == 0 {
				continue
			}
			out := filepath.Join(t.TempDir(), "out")
			o := tool(t, "call", processor, "copy", "--out", fmt.Sprintf("dst=@%s:%d", out, n), "--in", "src=@"+in)
			if got, err := os.ReadFile(out); err != nil || !bytes.Equal(got, data) || o.stdout != fmt.Sprintln(n) {
				t.Errorf("copy of %d bytes on %s: %d bytes, %v; %v", n, processor, len(got), err, o)
			}
		}
	}
}

func TestCallSizes(t *testing.T) {
	out := filepath.Join(t.TempDir(), "a:b")
	o := tool(t, "call", "dsp0", "fill", "--out", "d=@"+out+":64K", "--arg", "0x5a")
	if got, err := os.ReadFile(out); err != nil || !bytes.Equal(got, bytes.Repeat([]byte{0x5a}, 64<<10)) || o.stdout != "65536\n" {
		t.Errorf("%d bytes, %v, %v", len(got), err, o)
	}
	tool(t, "call", "dsp0", "fill", "--out", "d=1MiB", "--arg", "1").want(t, exitOK, "1048576\n", "")
	tool(t, "call", "dsp0", "sum", "--in", "d=4K").want(t, exitOK, "0\n", "")
	tool(t, "call", "dsp0", "sum", "--in", "d=x:0102").want(t, exitOK, "3\n", "")
	tool(t, "call", "dsp0", "sum", "--in", "d=s:a").want(t, exitOK, "97\n", "")
	tool(t, "call", "dsp0", "sum", "--in", "d:msmc=s:a", "-v").want(t, exitOK, "97\n", "from msmc at physical 0x7000")
	// Bytes that do not fit into a message travel in a buffer of their own.
	tool(t, "call", "dsp0", "sum", "--arg", "x:"+strings.Repeat("01", 2000)).want(t, exitOK, "2000\n", "")
}

func TestCallStreams(t *testing.T) {
	c := &cli{stdin: strings.NewReader("abc")}
	o := run(t, t.Context(), c, "call", "dsp0", "copy", "--out", "dst=@-:3", "--in", "src=@-")
	if o.code != exitOK || o.stdout != "abc" || o.stderr != "3\n" {
		t.Errorf("%+v", o)
	}
	c = &cli{stdin: io.MultiReader(strings.NewReader("abc"), badReader{})}
	run(t, t.Context(), c, "call", "dsp0", "sum", "--in", "src=@-").want(t, exitOther, "", "bad reader")
	tool(t, "call", "dsp0", "sum", "--in", "src=@-").want(t, exitOK, "0\n", "")
}

type badReader struct{}

func (badReader) Read([]byte) (int, error) { return 0, fmt.Errorf("bad reader") }

func TestCallInOut(t *testing.T) {
	path := file(t, "vector", "\x01\x00\x02\x00")
	o := tool(t, "call", "dsp0", "add_i16", "--inout", "a=@"+path, "--in", "b=x:0a000b00", "--in", "c=x:ffff0100")
	if got, err := os.ReadFile(path); err != nil || string(got) != "\x09\x00\x0c\x00" || o.stdout != "2\n" {
		t.Errorf("%q, %v, %v", got, err, o)
	}
}

func TestCallInOutEmpty(t *testing.T) {
	path := file(t, "empty", "")
	tool(t, "call", "dsp0", "sum", "--inout", "a=@"+path).want(t, exitOK, "0\n", "")
	if got, err := os.ReadFile(path); err != nil || len(got) > 0 {
		t.Errorf("%q, %v", got, err)
	}
}

// TestCallTimeout wants that --timeout is the time of one call.
func TestCallTimeout(t *testing.T) {
	for limit, want := range map[string]time.Duration{"1m": time.Minute, "1h": time.Hour, "0": 5 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Hour)
			defer cancel()
			began := time.Now()
			o := run(t, ctx, &cli{}, "call", "dsp0", "hang", "--timeout", limit)
			if took := time.Since(began); o.code != exitTimeout || took != want {
				t.Errorf("--timeout %s: %v, %+v", limit, took, o)
			}
		})
	}
}

func TestCrashReport(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "crashes")
	o := tool(t, "call", "dsp0", "crash", "--arg", "0", "--crash-dir", dir)
	o.want(t, exitCrashed, "", "the crash report is in "+dir)
	_, path, _ := strings.Cut(o.stderr, "the crash report is in ")
	b, err := os.ReadFile(filepath.Join(strings.TrimSpace(path), "report.json"))
	if err != nil || !strings.Contains(string(b), "dsp0") {
		t.Errorf("%s, %v", b, err)
	}
	tool(t, "call", "dsp0", "sum", "--arg", "x:01", "--crash-dir", dir).want(t, exitOK, "1\n", "")
}

// TestCallLeavesFiles wants that a call that did not succeed writes nothing.
func TestCallLeavesFiles(t *testing.T) {
	path := file(t, "result", "precious")
	fresh := path + ".new"
	for _, args := range [][]string{
		{"--in", "a=x:0102", "--in", "b=x:01020304"}, // lengths differ
		{"--in", "a=x:0102", "--in", "b=@" + fresh},  // no such file
		{"--in", "a=x:0102"},                         // too few
	} {
		for _, out := range []string{path, fresh} {
			if o := tool(t, append([]string{"call", "dsp0", "add_i16", "--out", "o=@" + out + ":2"}, args...)...); o.code == exitOK {
				t.Errorf("%v: %+v", args, o)
			}
		}
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "precious" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := os.Stat(fresh); err == nil {
		t.Error("a result without a call that succeeded")
	}
}

// TestCallOrder wants parameters in the order of the command line, whatever flags they come with.
func TestCallOrder(t *testing.T) {
	mux := sim.NewMux()
	mux.HandleFunc("order", func(c *sim.Call) error {
		n, in, text, out, last := c.Uint(), c.Data(), c.Data(), c.Out(), c.Uint()
		if err := c.End(); err != nil {
			return err
		}
		out[0] = in[0]
		return c.ResultUint(n*100 + uint64(len(text))*10 + last)
	})
	c := &cli{sim: sim.Config{Programs: map[string]*sim.Mux{"functions": mux}}}
	run(t, t.Context(), c, "call", "dsp0", "--arg", "1", "--in", "a=x:07", "order", "--arg", "x:0102", "--out", "b=@-:1", "--arg", "3").
		want(t, exitOK, "\x07", "123\n")
}

// TestRunning is about a processor that runs already.
func TestRunning(t *testing.T) {
	mux := sim.NewMux()
	mux.HandleFunc("answer", func(c *sim.Call) error { return c.ResultUint(42) })
	good := file(t, "good.elf", simFirmware(t, sim.FirmwareConfig{Program: "mine"}))
	for _, test := range []struct {
		args           string
		code           exitCode
		stdout, stderr string
	}{
		{"ls dsp0", exitOK, "running", ""},
		{"call dsp0 sum --arg x:0102", exitOK, "3\n", ""},
		{"start dsp0", exitBusy, "", "runs already"},
		{"stop dsp0", exitOK, "offline", "simulated"},
		{"call dsp0 answer --firmware " + good, exitBusy, "", "stop it first"},
		{"call dsp0 answer --replace --firmware " + good, exitOK, "42\n", ""},
		{"start dsp0 --firmware " + good, exitBusy, "", "dsp0"},
		{"start dsp0 --replace --firmware " + good, exitOK, "running with firmware offload-dsp0", "simulated"},
	} {
		c := &cli{sim: sim.Config{Programs: map[string]*sim.Mux{"mine": mux}}, prepare: func(b *sim.Board) error {
			p, err := b.Processor("dsp0")
			if err != nil {
				return err
			}
			return p.Remoteproc().Start(t.Context())
		}}
		t.Run(test.args, func(t *testing.T) {
			run(t, t.Context(), c, strings.Fields(test.args)...).want(t, test.code, test.stdout, test.stderr)
		})
	}
}

// TestCallFirmware starts firmware from a file.
func TestCallFirmware(t *testing.T) {
	mux := sim.NewMux()
	mux.HandleFunc("answer", func(c *sim.Call) error { return c.ResultUint(42) })
	board := sim.Config{Programs: map[string]*sim.Mux{"mine": mux}}
	good := file(t, "good.elf", simFirmware(t, sim.FirmwareConfig{Program: "mine"}))
	run(t, t.Context(), &cli{sim: board}, "call", "dsp0", "answer", "--firmware", good).want(t, exitOK, "42\n", "")
	run(t, t.Context(), &cli{sim: board}, "start", "dsp0", "--firmware", good).want(t, exitOK, "running", "simulated")
	// That of one core is refused by another, and by no core half.
	run(t, t.Context(), &cli{sim: board}, "call", "core0", "answer", "--firmware", good).want(t, exitBadFirmware, "", "core0")
	half := file(t, "half.elf", simFirmware(t, sim.FirmwareConfig{Program: "mine"})[:100])
	run(t, t.Context(), &cli{sim: board}, "call", "dsp0", "answer", "--firmware", half).want(t, exitBadFirmware, "", "half.elf")
	run(t, t.Context(), &cli{}, "firmware", "check", good, "--processor", "dsp0").want(t, exitOK, "nothing that", "")
	run(t, t.Context(), &cli{}, "firmware", "check", good, "--processor", "core0").want(t, exitBadFirmware, "wrong-machine", "bad firmware")
	run(t, t.Context(), &cli{}, "firmware", "check", good, "--machine", "arm").want(t, exitBadFirmware, "wrong-machine", "bad firmware")
}
