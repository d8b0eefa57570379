// SPDX-License-Identifier: Apache-2.0

package filter_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/offload-runtime/offload/dmabuf"
	"github.com/offload-runtime/offload/examples/filter"
	"github.com/offload-runtime/offload/internal/leak"
	"github.com/offload-runtime/offload/internal/testenv"
	"github.com/offload-runtime/offload/internal/wire"
	"github.com/offload-runtime/offload/runtime"
	"github.com/offload-runtime/offload/sim"
)

func TestMain(m *testing.M) { leak.Main(m) }

// program is the firmware as Go functions.
func program() *sim.Mux {
	mux := sim.NewMux()
	mux.HandleFunc("gain", func(c *sim.Call) error {
		out, in, factor := c.Out(), c.Data(), c.Uint()
		if err := c.End(); err != nil {
			return err
		}
		for i, b := range in {
			out[i] = byte(min(255, uint64(b)*factor))
		}
		return c.ResultUint(uint64(len(in)))
	})
	mux.HandleFunc("invert", func(c *sim.Call) error {
		ref := c.Ref()
		data, err := c.Memory(ref.Addr, ref.Len)
		if err := errors.Join(err, c.End()); err != nil {
			return err
		}
		for i := range data {
			data[i] = 255 - data[i]
		}
		return nil
	})
	mux.HandleFunc("mean", func(c *sim.Call) error {
		data, offset := c.Data(), c.Int()
		if err := c.End(); err != nil {
			return err
		}
		sum := 0
		for _, b := range data {
			sum += int(b)
		}
		return c.Result(float64(sum)/float64(max(1, len(data))) + float64(offset))
	})
	limit := 0.0
	mux.HandleFunc("threshold", func(c *sim.Call) error {
		before := limit
		limit = c.Float()
		return errors.Join(c.End(), c.Result(before))
	})
	mux.HandleFunc("loud", func(c *sim.Call) error { return errors.Join(c.Result(len(c.Data()) > 2), c.End()) })
	mux.HandleFunc("describe_filter", func(c *sim.Call) error {
		name, verbose := c.Str(), c.Bool()
		if err := c.End(); err != nil || name != "gain" {
			return &sim.Error{Code: sim.CodeApplication, Text: "no such filter"}
		}
		return c.ResultStr(strings.Repeat("multiplies bytes", map[bool]int{true: 1}[verbose]))
	})
	mux.HandleFunc("kernel", func(c *sim.Call) error {
		if c.Int() != 0 {
			return &sim.Error{Code: sim.CodeBadArguments, Text: "there is register 0"}
		}
		return c.ResultBytes([]byte{1, 4, 6, 4, 1})
	})
	return mux
}

func TestClient(t *testing.T) {
	board, err := sim.New(sim.Config{Programs: map[string]*sim.Mux{"functions": program()}})
	if err != nil {
		t.Fatal(err)
	}
	rt, err := runtime.New(runtime.Config{Board: board})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(rt.Close(), board.Close()); err != nil {
			t.Error(err)
		}
	})
	s, err := rt.Start(t.Context(), runtime.SessionConfig{Processor: "dsp0"})
	if err != nil {
		t.Fatal(err)
	}
	var f filter.Filter = &filter.FilterClient{Session: s}
	buf := func() *runtime.Buffer {
		b, err := rt.Alloc(t.Context(), runtime.AllocConfig{Size: 4096})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { b.Close() })
		return b
	}
	in, out := buf(), buf()
	if _, err := in.WriteAt([]byte{1, 2, 200}, 0); err != nil {
		t.Fatal(err)
	}
	if n, err := f.Gain(t.Context(), out.Range(0, 3, runtime.Out), in.Range(0, 3, runtime.In), 2); n != 3 || err != nil {
		t.Errorf("Gain: %d, %v", n, err)
	}
	if err := f.Invert(t.Context(), out.Range(0, 3, runtime.InOut)); err != nil {
		t.Errorf("Invert: %v", err)
	}
	if err := out.View(dmabuf.Read, func(p []byte) error {
		if !bytes.Equal(p[:4], []byte{253, 251, 0, 0}) {
			return fmt.Errorf("out is %d", p[:4])
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	if _, err := f.Gain(t.Context(), in.In(), out.In(), 2); !errors.Is(err, runtime.ErrBadArguments) || !strings.Contains(err.Error(), `"gain", parameter out`) {
		t.Errorf("Gain to a range to read: %v", err)
	}
	if m, err := f.Mean(t.Context(), []byte{1, 2}, -3); m != -1.5 || err != nil {
		t.Errorf("Mean: %v, %v", m, err)
	}
	if m, err := f.Mean(t.Context(), make([]byte, 100_000), 7); m != 7 || err != nil {
		t.Errorf("Mean of more than a message holds: %v, %v", m, err)
	}
	if _, err := f.Threshold(t.Context(), 1.5); err != nil {
		t.Error(err)
	}
	if before, err := f.Threshold(t.Context(), 0); before != 1.5 || err != nil {
		t.Errorf("Threshold: %v, %v", before, err)
	}
	if loud, err := f.Loud(t.Context(), []byte("abc")); !loud || err != nil {
		t.Errorf("Loud: %v, %v", loud, err)
	}
	if s, err := f.Describe(t.Context(), "gain", true); s != "multiplies bytes" || err != nil {
		t.Errorf("Describe: %q, %v", s, err)
	}
	var remote *runtime.RemoteError
	if _, err := f.Describe(t.Context(), "?", true); !errors.As(err, &remote) || remote.Code != uint32(sim.CodeApplication) {
		t.Errorf("Describe of nothing: %v", err)
	}
	if k, err := f.Kernel(t.Context(), 0); !bytes.Equal(k, []byte{1, 4, 6, 4, 1}) || err != nil {
		t.Errorf("Kernel: %v, %v", k, err)
	}
}

// TestFirmware compiles the generated C with the kit and the functions, and calls each.
func TestFirmware(t *testing.T) {
	gcc := testenv.NeedCommand(t, "gcc")
	kit := "../../firmware/kit"
	sources, err := filepath.Glob(kit + "/src/*.c")
	if err != nil || len(sources) == 0 {
		t.Fatal(sources, err)
	}
	exe := filepath.Join(t.TempDir(), "filter")
	args := append([]string{"-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsanitize=address,undefined", "-fno-sanitize-recover=all",
		"-I" + kit + "/include", "-Ifirmware", "-o", exe, "testdata/host.c", "firmware/filter.c", "firmware/filter_offload.c"}, sources...)
	if out, err := exec.CommandContext(t.Context(), gcc, args...).CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, out)
	}
	ref := func(off, n uint64, flags uint8) func([]byte) []byte {
		return func(b []byte) []byte { return wire.AppendRef(b, wire.Ref{Addr: 0x1000 + off, Len: n, Flags: flags}) }
	}
	integer := func(n int64) func([]byte) []byte { return func(b []byte) []byte { return wire.AppendInt(b, n) } }
	float := func(x float64) func([]byte) []byte { return func(b []byte) []byte { return wire.AppendFloat64(b, x) } }
	bin := func(s string) func([]byte) []byte {
		return func(b []byte) []byte { return wire.AppendBin(b, []byte(s)) }
	}
	str := func(s string) func([]byte) []byte { return func(b []byte) []byte { return wire.AppendStr(b, s) } }
	yes := func(b []byte) []byte { return wire.AppendBool(b, true) }
	var in strings.Builder
	hello := wire.AppendRequest(nil, 0, wire.Method{Num: wire.MethodHello}, 6, false)
	for _, v := range []uint64{wire.Version, 496, 16, 64, 0, 0} {
		hello = wire.AppendUint(hello, v)
	}
	fmt.Fprintf(&in, "%x\n", hello)
	tests := []struct {
		method string
		args   []func([]byte) []byte
		want   any // a code, or what wire decodes
	}{
		{"gain", []func([]byte) []byte{ref(8, 8, wire.RefWrite), ref(0, 8, wire.RefRead), integer(2)}, uint64(8)},
		{"gain", []func([]byte) []byte{ref(8, 4, wire.RefWrite), ref(0, 8, wire.RefRead), integer(2)}, wire.CodeBadBuffer},
		{"gain", []func([]byte) []byte{ref(8, 8, wire.RefRead), ref(0, 8, wire.RefRead), integer(2)}, wire.CodeBadBuffer},
		{"gain", []func([]byte) []byte{ref(8, 8, wire.RefWrite), ref(0, 8, wire.RefRead), integer(256)}, wire.CodeBadArguments},
		{"gain", []func([]byte) []byte{ref(8, 8, wire.RefWrite), ref(0, 8, wire.RefRead)}, wire.CodeBadArguments},
		{"invert", []func([]byte) []byte{ref(0, 4, wire.RefRead|wire.RefWrite)}, nil},
		{"invert", []func([]byte) []byte{ref(0, 4, wire.RefWrite)}, wire.CodeBadBuffer},
		{"mean", []func([]byte) []byte{bin("\x01\x02"), integer(-3)}, -1.5},
		{"mean", []func([]byte) []byte{ref(4, 1, wire.RefRead), integer(-32768)}, -32668.0},
		{"mean", []func([]byte) []byte{bin("\x01\x02"), integer(-32769)}, wire.CodeBadArguments},
		{"mean", []func([]byte) []byte{bin("\x01\x02"), integer(32768)}, wire.CodeBadArguments},
		{"threshold", []func([]byte) []byte{float(1.5)}, 0.0},
		{"threshold", []func([]byte) []byte{float(1e300)}, wire.CodeBadArguments},
		{"threshold", []func([]byte) []byte{integer(2)}, 1.5},
		{"loud", []func([]byte) []byte{bin("\x03")}, true},
		{"loud", []func([]byte) []byte{bin("\x02")}, false},
		{"describe_filter", []func([]byte) []byte{str("gain"), yes}, "multiplies bytes"},
		{"describe_filter", []func([]byte) []byte{str("?"), yes}, wire.CodeApplication},
		{"kernel", []func([]byte) []byte{integer(0)}, []byte{1, 4, 6, 4, 1}},
		{"kernel", []func([]byte) []byte{integer(1)}, wire.CodeBadArguments},
	}
	for i, test := range tests {
		b := wire.AppendRequest(nil, uint32(i+1), wire.Method{Name: []byte(test.method)}, len(test.args), false)
		for _, arg := range test.args {
			b = arg(b)
		}
		fmt.Fprintf(&in, "%x\n", b)
	}
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Stdin = strings.NewReader(in.String())
	out, err := cmd.CombinedOutput()
	lines := strings.Fields(string(out))
	if err != nil || len(lines) != len(tests)+2 {
		t.Fatalf("%v, %d lines:\n%s", err, len(lines), out)
	}
	for i, test := range tests {
		raw, err := hex.DecodeString(lines[i+1])
		if err != nil {
			t.Fatal(err)
		}
		m, rest, err := wire.Parse(raw)
		if err != nil || len(rest) != 0 || m.ID != uint32(i+1) {
			t.Errorf("%d, %s: %x: %v", i, test.method, raw, err)
			continue
		}
		var got any = m.Code
		if m.Code == 0 {
			got = value(t, &m.Result)
		}
		if b, ok := got.([]byte); ok && bytes.Equal(b, test.want.([]byte)) {
			continue
		} else if got != test.want {
			t.Errorf("%d, %s: %v (%s), want %v", i, test.method, got, m.Text, test.want)
		}
	}
	if want := "fffefdfc6480c8ff" + "00020406c8ffffff"; lines[len(lines)-1] != want {
		t.Errorf("memory is %s, want %s", lines[len(lines)-1], want)
	}
}

func value(t *testing.T, v *wire.Values) (got any) {
	t.Helper()
	var err error
	switch v.Type() {
	case wire.TypeNil:
		return nil
	case wire.TypeUint:
		got, err = v.Uint()
	case wire.TypeFloat:
		got, err = v.Float()
	case wire.TypeBool:
		got, err = v.Bool()
	case wire.TypeBin:
		got, err = v.Bin()
	case wire.TypeStr:
		var b []byte
		b, err = v.Str()
		got = string(b)
	default:
		t.Fatalf("result of type %v", v.Type())
	}
	if err != nil {
		t.Fatal(err)
	}
	return got
}
