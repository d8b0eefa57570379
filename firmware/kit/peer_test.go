// SPDX-License-Identifier: Apache-2.0

package kit_test

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/offload-runtime/offload/internal/leak"
	"github.com/offload-runtime/offload/internal/testenv"
	"github.com/offload-runtime/offload/internal/wire"
)

func TestMain(m *testing.M) { leak.Main(m) }

// run starts a program and fails the test with its output if it does not end well.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// build is where make puts what it builds: kept, so that it is built again only when something has changed.
const build = "../../out/kit"

// makeTarget runs make, which needs these compilers, and returns what it prints.
func makeTarget(t *testing.T, compilers []string, args ...string) string {
	t.Helper()
	testenv.NeedCommand(t, "make")
	for _, c := range compilers {
		testenv.NeedCommand(t, c)
	}
	// go test must know these files, or it takes an old result for good when one of them changes.
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err == nil {
			_, err = os.Stat(path)
		}
		return err
	})
	if err == nil {
		_, err = os.Stat("../../docs/protocol.md")
	}
	if err != nil {
		t.Fatal(err)
	}
	return run(t, "make", append([]string{"-s", "BUILD=" + build}, args...)...)
}

// peer is the kit as a process.
type peer struct {
	t     *testing.T
	in    io.Writer
	lines *bufio.Scanner
}

// newPeer builds host/kit_host.c with the sanitizers and starts it.
func newPeer(t *testing.T) *peer {
	t.Helper()
	makeTarget(t, []string{"gcc"}, "host")
	cmd := exec.CommandContext(t.Context(), filepath.Join(build, "kit-host"))
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &peer{t: t, in: in, lines: bufio.NewScanner(out)}
	p.lines.Buffer(nil, 1<<22)
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil && t.Context().Err() == nil {
			t.Errorf("kit-host: %v", err)
		}
	})
	p.hello()
	return p
}

// hello begins a session.
func (p *peer) hello() {
	p.t.Helper()
	b := wire.AppendRequest(nil, 0, wire.Method{Num: wire.MethodHello}, 6, false)
	for _, v := range []uint64{wire.Version, 496, 16, 64, 0x1f, 0} {
		b = wire.AppendUint(b, v)
	}
	if m := p.call(b); m.Code != 0 {
		p.t.Fatalf("hello: %v, %s", m.Code, m.Text)
	}
}

// do sends one command and returns what came back.
func (p *peer) do(format string, args ...any) []string {
	p.t.Helper()
	if _, err := fmt.Fprintf(p.in, format+"\n", args...); err != nil {
		p.t.Fatal(err)
	}
	var out []string
	for p.lines.Scan() {
		line := p.lines.Text()
		if line == "." {
			return out
		}
		if strings.HasPrefix(line, "?") {
			p.t.Fatalf("kit-host: %s", line)
		}
		out = append(out, line)
	}
	p.t.Fatalf("kit-host ended: %v", p.lines.Err())
	return nil
}

func (p *peer) load(addr uint64, data []byte) {
	p.t.Helper()
	p.do("load %d %x", addr, data)
}

func (p *peer) dump(addr uint64, n int) []byte {
	p.t.Helper()
	out := p.do("dump %d %d", addr, n)
	if len(out) != 1 || !strings.HasPrefix(out[0], "= ") {
		p.t.Fatalf("kit-host: dump gave %q", out)
	}
	b, err := hex.DecodeString(out[0][2:])
	if err != nil {
		p.t.Fatal(err)
	}
	return b
}

// give hands over a payload and returns the payloads that came back.
func (p *peer) give(payload []byte) [][]byte {
	p.t.Helper()
	var sent [][]byte
	for _, line := range p.do("%x", payload) {
		digits, ok := strings.CutPrefix(line, "> ")
		if !ok {
			continue
		}
		b, err := hex.DecodeString(digits)
		if err != nil {
			p.t.Fatal(err)
		}
		sent = append(sent, b)
	}
	return sent
}

// call sends one request and returns its answer.
func (p *peer) call(request []byte) wire.Message {
	p.t.Helper()
	sent := p.give(request)
	if len(sent) != 1 {
		p.t.Fatalf("request %x: %d payloads came back", request, len(sent))
	}
	m, rest, err := wire.Parse(sent[0])
	if err != nil || len(rest) != 0 || m.Kind != wire.Response {
		p.t.Fatalf("request %x: answer %x: %v", request, sent[0], err)
	}
	return m
}
