// SPDX-License-Identifier: Apache-2.0

package runtime_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/offload-runtime/offload/internal/wire"
	"github.com/offload-runtime/offload/rpmsg"
	"github.com/offload-runtime/offload/runtime"
)

// figuresVar asks for figures. They depend on what else the host does, so that no test fails on them.
const figuresVar = "OFFLOAD_FIGURES"

const (
	pingRounds = 15
	pings      = 500 // a round and client
	pingWarmup = 50
	pingSize   = 64
)

// figures are one client's round trips.
type figures struct {
	client      string
	median, p99 time.Duration
	cpu         time.Duration // of the client, for one round trip
}

func (f figures) String() string {
	return fmt.Sprintf("%-34s median %8v  p99 %8v  CPU %8v a round trip", f.client, f.median.Round(100*time.Nanosecond),
		f.p99.Round(time.Microsecond), f.cpu.Round(100*time.Nanosecond))
}

// TestPingFigures compares round trips through the library with those of the minimal C program test/qemu/cping, on the same
// endpoint in the same boot, one after the other and again.
func TestPingFigures(t *testing.T) {
	if os.Getenv(figuresVar) == "" {
		t.Skipf("figures are missing a reader: set %s=1", figuresVar)
	}
	b := openBoard(t, "")
	if err := b.life.Start(deadline(t)); err != nil {
		t.Fatal(err)
	}
	defer b.life.Stop(context.Background())
	// What the host does meanwhile changes from second to second, so each client is compared with the C program of its
	// own round, and the middle of the ratios counts.
	spins := []time.Duration{0, 200 * time.Microsecond}
	var rounds [][]figures
	for range pingRounds {
		round := []figures{cPing(t, b, "rpmsg-raw")}
		for _, spin := range spins {
			round = append(round, endpointPing(t, b, spin))
		}
		round = append(round, cPing(t, b, "offload"))
		for _, spin := range spins {
			round = append(round, sessionPing(t, b, spin))
		}
		rounds = append(rounds, round)
	}
	base := 0
	for i := range rounds[0] {
		if strings.HasPrefix(rounds[0][i].client, "C,") {
			base = i
		}
		var all []figures
		var median, p99 []float64
		for _, r := range rounds {
			all = append(all, r[i])
			median = append(median, float64(r[i].median)/float64(r[base].median))
			p99 = append(p99, float64(r[i].p99)/float64(r[base].p99))
		}
		t.Logf("%v  ratio to C: median %.2f, p99 %.2f", middle(all), middleOf(median), middleOf(p99))
	}
	idleFigures(t, b)
}

// middle has the middle value of each figure.
func middle(all []figures) figures {
	of := func(get func(figures) time.Duration) time.Duration {
		var list []float64
		for _, f := range all {
			list = append(list, float64(get(f)))
		}
		return time.Duration(middleOf(list))
	}
	return figures{
		client: all[0].client,
		median: of(func(f figures) time.Duration { return f.median }),
		p99:    of(func(f figures) time.Duration { return f.p99 }),
		cpu:    of(func(f figures) time.Duration { return f.cpu }),
	}
}

func middleOf(list []float64) float64 { return slices.Sorted(slices.Values(list))[len(list)/2] }

// cPing runs the C program on the node of the echo service, with as many bytes as the endpoint's test sends, or on that of the
// protocol, with the message that Session sends.
func cPing(t *testing.T, b *board, service string) figures {
	t.Helper()
	e := dialService(t, b, service)
	node := e.Name()
	f := figures{client: "C, write and read"}
	args := []string{"-n", fmt.Sprint(pings), "-w", fmt.Sprint(pingWarmup), "-s", fmt.Sprint(pingSize), node}
	if service == wire.Service {
		f.client += ", protocol"
		hello(t, e)
		args[4], args[5] = "-x", hex.EncodeToString(wire.AppendUint(wire.AppendRequest(nil, 1, wire.Method{Num: wire.MethodPing}, 1, false), 1))
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(deadline(t), "cping", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("cping: %v\n%s", err, out)
	}
	var n, size int
	var most, wall time.Duration
	if _, err := fmt.Sscanf(strings.TrimSpace(string(out)), "n=%d size=%d median_ns=%d p99_ns=%d max_ns=%d cpu_ns=%d wall_ns=%d",
		&n, &size, &f.median, &f.p99, &most, &f.cpu, &wall); err != nil {
		t.Fatalf("%s: %v", out, err)
	}
	f.cpu /= pings
	return f
}

func dialService(t *testing.T, b *board, service string) *rpmsg.Endpoint {
	t.Helper()
	e, err := rpmsg.Bus{}.Dial(deadline(t), rpmsg.DialConfig{Processor: b.info.Device, Service: service, Wait: patience})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// hello opens the conversation of docs/protocol.md. The firmware knows its host by the address, which stays that of the
// channel whoever opens its node.
func hello(t *testing.T, e *rpmsg.Endpoint) {
	t.Helper()
	msg := wire.AppendRequest(nil, 1, wire.Method{Num: wire.MethodHello}, 6, false)
	for _, v := range []uint64{wire.Version, rpmsg.MaxPayload, 4, 64, 0, 0} {
		msg = wire.AppendUint(msg, v)
	}
	ctx := deadline(t)
	if err := e.Send(ctx, msg); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, rpmsg.MaxPayload)
	if n, err := e.Recv(ctx, buf); err != nil || n == 0 {
		t.Fatal(n, err)
	}
}

// endpointPing takes Send and Recv of the same endpoint.
func endpointPing(t *testing.T, b *board, spin time.Duration) figures {
	t.Helper()
	e := dialService(t, b, "rpmsg-raw")
	defer e.Close()
	e.Spin = spin
	ctx := t.Context()
	msg, buf := make([]byte, pingSize), make([]byte, rpmsg.MaxPayload)
	return measure(t, "Go, endpoint, spin "+spin.String(), func() error {
		if err := e.Send(ctx, msg); err != nil {
			return err
		}
		_, err := e.Recv(ctx, buf)
		return err
	})
}

// sessionPing calls the protocol's ping: encoding, a table of open calls, and a receiver of its own.
func sessionPing(t *testing.T, b *board, spin time.Duration) figures {
	t.Helper()
	s := spinSession(t, b, spin)
	defer s.Close() // an endpoint has one opener
	ctx := t.Context()
	var a runtime.Args
	var got uint64
	return measure(t, "Go, Session.Invoke, spin "+spin.String(), func() error {
		return s.Invoke(ctx, "ping", a.Reset().Uint(1), &got)
	})
}

// spinSession is a session with the running processor, on a board of its own.
func spinSession(t testing.TB, b *board, spin time.Duration) *runtime.Session {
	t.Helper()
	other, err := runtime.OpenLinux(t.Context(), runtime.LinuxConfig{Spin: spin})
	if err != nil {
		t.Fatal(err)
	}
	s, err := newBoard(t, other, b.processor).rt.Start(deadline(t), runtime.SessionConfig{Processor: b.processor})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func measure(t *testing.T, client string, trip func() error) figures {
	t.Helper()
	took := make([]time.Duration, 0, pings)
	var before time.Duration
	for i := range pingWarmup + pings {
		if i == pingWarmup {
			before = cpuTime(t)
		}
		began := time.Now()
		if err := trip(); err != nil {
			t.Fatal(err)
		}
		if i >= pingWarmup {
			took = append(took, time.Since(began))
		}
	}
	cpu := cpuTime(t) - before
	slices.Sort(took)
	return figures{client: client, median: took[pings/2], p99: took[(pings-1)*99/100], cpu: cpu / pings}
}

// cpuTime is the time that this process has run, in user space and in the kernel.
func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// idleFigures measures an open session that nobody uses.
func idleFigures(t *testing.T, b *board) {
	t.Helper()
	s := spinSession(t, b, time.Millisecond)
	defer s.Close()
	if err := s.Call(deadline(t), "ping", nil, 1); err != nil {
		t.Fatal(err)
	}
	const idle = 2 * time.Second
	before := cpuTime(t)
	<-time.After(idle)
	t.Logf("an idle session uses %.2f %% of the CPU", 100*float64(cpuTime(t)-before)/float64(idle))
}

func BenchmarkLinuxPing(b *testing.B) {
	board := openBoard(b, "")
	if err := board.life.Start(deadline(b)); err != nil {
		b.Fatal(err)
	}
	defer board.life.Stop(context.Background())
	for _, spin := range []time.Duration{0, 200 * time.Microsecond, time.Millisecond} {
		b.Run("spin="+spin.String(), func(b *testing.B) {
			s := spinSession(b, board, spin)
			defer s.Close()
			var a runtime.Args
			var got uint64
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Invoke(b.Context(), "ping", a.Reset().Uint(1), &got); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
