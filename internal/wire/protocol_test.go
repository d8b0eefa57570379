// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"os"
	"strings"
	"testing"
	"time"
)

// protocolExamples reads the ```wire blocks of docs/protocol.md.
func protocolExamples(t testing.TB) map[string][]byte {
	t.Helper()
	f, err := os.Open("../../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out := map[string][]byte{}
	name := ""
	for s := bufio.NewScanner(f); s.Scan(); {
		line := s.Text()
		switch {
		case strings.HasPrefix(line, "```wire "):
			name = strings.TrimPrefix(line, "```wire ")
			if _, twice := out[name]; twice {
				t.Fatalf("docs/protocol.md: two examples %q", name)
			}
		case strings.HasPrefix(line, "```"):
			name = ""
		case name != "":
			digits, _, _ := strings.Cut(line, "#")
			b, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(digits), " ", ""))
			if err != nil {
				t.Fatalf("docs/protocol.md, example %q: %q: %v", name, line, err)
			}
			out[name] = append(out[name], b...)
		}
	}
	return out
}

func TestProtocolExamples(t *testing.T) {
	num := func(n uint32) Method { return Method{Num: n} }
	want := map[string][]byte{
		"request-sum": AppendBin(AppendRequest(nil, 7, num(FirstTableSlot+2), 1, false), []byte{1, 2, 3}),
		"request-sum-by-name": AppendUint(AppendBin(AppendRequest(nil, 300, Method{Name: []byte("sum")}, 1, true),
			[]byte{1, 2, 3}), uint64((250*time.Millisecond)/time.Microsecond)),
		"response-six":   AppendUint(AppendResponse(nil, 300), 6),
		"response-error": AppendError(nil, 7, CodeBadBuffer, "out of map"),
		"request-two-buffers": func() []byte {
			b := AppendRequest(nil, 42, num(FirstTableSlot+9), 5, false)
			b = AppendRef(b, Ref{Addr: 0xc0010000, Len: 0x20000, Flags: RefRead})
			b = AppendRef(b, Ref{Addr: 0x900000000, Len: 0x1000, Flags: RefWrite})
			return AppendInt(AppendInt(AppendInt(b, 5), -1), 512)
		}(),
		"request-hello": func() []byte {
			b := AppendRequest(nil, 0, num(MethodHello), 6, false)
			for _, v := range []uint64{Version, 496, 64, 64, 0x1f, 1000000} {
				b = AppendUint(b, v)
			}
			return b
		}(),
		"response-hello": func() []byte {
			b := AppendArray(AppendResponse(nil, 0), 9)
			for _, v := range []uint64{Version, 496, 16, 128, 32, FeatureDeadline, 1000, 3} {
				b = AppendUint(b, v)
			}
			return AppendStr(b, "demo")
		}(),
		"response-methods": func() []byte {
			b := AppendArray(AppendUint(AppendArray(AppendResponse(nil, 1), 2), 3), 3)
			return AppendStr(AppendStr(AppendStr(b, "echo"), "crc32c"), "sum")
		}(),
		"notification-cancel": AppendUint(AppendNotification(nil, num(MethodCancel), 1), 42),
		"notification-log":    AppendStr(AppendUint(AppendNotification(nil, num(MethodLog), 2), 2), "hot"),
	}
	got := protocolExamples(t)
	for name, b := range got {
		w, ok := want[name]
		if !ok {
			t.Errorf("docs/protocol.md has an example %q that this test does not know", name)
			continue
		}
		if !bytes.Equal(b, w) {
			t.Errorf("example %q\n document %x\n encoder  %x", name, b, w)
		}
		if _, rest, err := Parse(b); err != nil || len(rest) != 0 {
			t.Errorf("example %q: Parse: %v, %d bytes left", name, err, len(rest))
		}
	}
	for name := range want {
		if _, ok := got[name]; !ok {
			t.Errorf("docs/protocol.md lacks the example %q", name)
		}
	}
}

func TestTwoBufferCallSize(t *testing.T) {
	if n := len(protocolExamples(t)["request-two-buffers"]); n > 64 {
		t.Errorf("a call with two buffers takes %d bytes, want at most 64", n)
	}
}
