// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/offload-runtime/offload/internal/wire"
	"github.com/offload-runtime/offload/rpmsg"
)

func dialRaw(t testing.TB, b *Board, name string) *conn {
	t.Helper()
	p := processor(t, b, name)
	if s, err := p.Remoteproc().State(); err != nil {
		t.Fatal(err)
	} else if !s.Up() {
		if err := p.Remoteproc().Start(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	c, err := p.Dial(context.Background(), "rpmsg-raw")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c.(*conn)
}

func TestRawEcho(t *testing.T) {
	c := dialRaw(t, newBoard(t, Config{}), "core0")
	ctx := t.Context()
	if c.MTU() != 496 {
		t.Errorf("MTU %d", c.MTU())
	}
	buf := make([]byte, mtu)
	for _, n := range []int{0, 1, 495, 496} {
		msg := bytes.Repeat([]byte{byte(n)}, n)
		if err := c.Send(ctx, msg); err != nil {
			t.Fatal(err)
		}
		clear(msg) // it was not kept
		got, err := c.Recv(ctx, buf)
		if err != nil || got != n || !bytes.Equal(buf[:n], bytes.Repeat([]byte{byte(n)}, n)) {
			t.Errorf("%d bytes: %d, %v, %x", n, got, err, buf[:got])
		}
	}
	if err := c.Send(ctx, make([]byte, 497)); !errors.Is(err, rpmsg.ErrTooLong) || !strings.Contains(err.Error(), "497") {
		t.Errorf("497 bytes: %v", err)
	}
	if err := c.Send(ctx, []byte("abcdef")); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Recv(ctx, buf[:4]); n != 4 || !errors.Is(err, rpmsg.ErrTruncated) || string(buf[:4]) != "abcd" {
		t.Errorf("short buffer: %d, %v", n, err)
	}
}

// TestBurst: the host may answer late; nothing is lost and the order is kept.
func TestBurst(t *testing.T) {
	c := dialRaw(t, newBoard(t, Config{}), "dsp0")
	ctx := t.Context()
	const n = 5000
	for i := range n {
		if err := c.Send(ctx, binary.LittleEndian.AppendUint32(nil, uint32(i))); err != nil {
			t.Fatal(err)
		}
	}
	buf := make([]byte, mtu)
	for i := range n {
		if _, err := c.Recv(ctx, buf); err != nil || binary.LittleEndian.Uint32(buf) != uint32(i) {
			t.Fatalf("message %d: %d, %v", i, binary.LittleEndian.Uint32(buf), err)
		}
	}
}

func TestManyReadersAndWriters(t *testing.T) {
	c := dialRaw(t, newBoard(t, Config{}), "dsp0")
	const workers, each = 8, 500
	seen := make(chan uint32, workers*each)
	done := make(chan error, 2*workers)
	for w := range workers {
		go func() {
			for i := range each {
				if err := c.Send(context.Background(), binary.LittleEndian.AppendUint32(nil, uint32(w*each+i))); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			buf := make([]byte, mtu)
			for range each {
				if _, err := c.Recv(ctx, buf); err != nil {
					done <- err
					return
				}
				seen <- binary.LittleEndian.Uint32(buf)
			}
			done <- nil
		}()
	}
	for range 2 * workers {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	close(seen)
	got := map[uint32]bool{}
	for v := range seen {
		got[v] = true
	}
	if len(got) != workers*each {
		t.Errorf("%d different messages of %d", len(got), workers*each)
	}
}

// TestWaitersAllWake: as many messages as readers, as much room as senders, and nobody stays behind. The bubble ends in a
// deadlock, which is reported, if a wake-up is lost.
func TestWaitersAllWake(t *testing.T) {
	for range 30 {
		synctest.Test(t, func(t *testing.T) {
			const readers = 16
			c := dialRaw(t, newBoard(t, Config{}), "dsp0")
			done := make(chan error, readers)
			for range readers {
				go func() {
					_, err := c.Recv(context.Background(), make([]byte, mtu))
					done <- err
				}()
			}
			synctest.Wait()
			for range readers {
				c.deliver([]byte{1})
			}
			for range readers {
				if err := <-done; err != nil {
					t.Fatal(err)
				}
			}
		})
		synctest.Test(t, func(t *testing.T) {
			const senders = 2 * ringSize
			h := dial(t, newBoard(t, Config{}), "dsp0")
			inject(t, h.b, "dsp0", Fault{Kind: Stall, Delay: time.Second})
			done := make(chan error, senders)
			msg := h.request("echo", 1)
			for range senders {
				go func() { done <- h.conn.Send(context.Background(), msg) }()
			}
			for range senders {
				if err := <-done; err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func TestConnErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard(t, Config{})
		c := dialRaw(t, b, "dsp0")
		buf := make([]byte, mtu)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if err := c.Send(ended, []byte{1}); !errors.Is(err, context.Canceled) {
			t.Errorf("send: %v", err)
		}
		if _, err := c.Recv(ended, buf); !errors.Is(err, context.Canceled) {
			t.Errorf("receive: %v", err)
		}
		late, cancelLate := context.WithTimeout(t.Context(), time.Second)
		defer cancelLate()
		if _, err := c.Recv(late, buf); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("receive: %v", err)
		}
		got := make(chan error, 1)
		go func() { _, err := c.Recv(context.Background(), buf); got <- err }()
		synctest.Wait()
		c.Close()
		if err := <-got; !errors.Is(err, os.ErrClosed) {
			t.Errorf("receive while closed: %v", err)
		}
		if err := c.Close(); err != nil {
			t.Errorf("second Close: %v", err)
		}
		if err := c.Send(t.Context(), []byte{1}); !errors.Is(err, os.ErrClosed) {
			t.Errorf("send: %v", err)
		}
		// The endpoint dies with the processor, and messages that wait in it are lost.
		c = dialRaw(t, b, "dsp0")
		if err := c.Send(t.Context(), []byte{1}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := c.run.p.Remoteproc().Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Recv(t.Context(), buf); !errors.Is(err, rpmsg.ErrPeerGone) {
			t.Errorf("receive after stop: %v", err)
		}
		if err := c.Send(t.Context(), []byte{1}); !errors.Is(err, rpmsg.ErrPeerGone) {
			t.Errorf("send after stop: %v", err)
		}
	})
}

func TestDialWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard(t, Config{})
		p := processor(t, b, "dsp0")
		got := make(chan rpmsg.Conn)
		go func() {
			c, err := p.Dial(context.Background(), wire.Service)
			if err != nil {
				t.Error(err)
			}
			got <- c
		}()
		synctest.Wait()
		if err := p.Remoteproc().Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		c := <-got
		src, dst := c.(*conn).Addresses()
		c.Close()
		if src < firstAddress || dst < firstAddress {
			t.Errorf("addresses %d, %d", src, dst)
		}
		late, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := p.Dial(late, "nothing"); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), `"nothing"`) {
			t.Error(err)
		}
		closing, err := New(Config{})
		if err != nil {
			t.Fatal(err)
		}
		failed := make(chan error)
		go func() { _, err := processor(t, closing, "dsp0").Dial(context.Background(), "x"); failed <- err }()
		synctest.Wait()
		closing.Close()
		if err := <-failed; !errors.Is(err, os.ErrClosed) {
			t.Error(err)
		}
	})
}

// TestNoAllocations covers both sides of a call, because the processor runs in the same process.
func TestNoAllocations(t *testing.T) {
	for _, name := range []string{"dsp0", "core0"} {
		h := dial(t, newBoard(t, Config{}), name)
		d := h.alloc("ddr", 4096)
		ref, _ := h.attach(d, 3)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		msgs := [][]byte{h.request("sobel3x3", h.part(ref, 2048), ref0(ref, 1024), 8, 8, 8), h.request("crc32c", ref), h.request("echo", "text", time.Second)}
		run := func() {
			for _, m := range msgs {
				if err := h.conn.Send(ctx, m); err != nil {
					t.Fatal(err)
				}
				if n, err := h.conn.Recv(ctx, h.buf[:]); err != nil || h.buf[0] != 0x94 || n < 5 {
					t.Fatal(n, err)
				}
			}
		}
		run()
		if n := testing.AllocsPerRun(200, run); n != 0 && !raceEnabled {
			t.Errorf("%s: %v allocations", name, n)
		}
		raw := dialRaw(t, h.b, name)
		if n := testing.AllocsPerRun(200, func() {
			raw.Send(ctx, msgs[0])
			raw.Recv(ctx, h.buf[:])
		}); n != 0 && !raceEnabled {
			t.Errorf("%s: %v allocations for a raw message", name, n)
		}
	}
}

func (h *host) part(r wire.Ref, off uint64) wire.Ref {
	return wire.Ref{Addr: r.Addr + off, Len: r.Len - off, Flags: r.Flags}
}

func ref0(r wire.Ref, n uint64) wire.Ref { return wire.Ref{Addr: r.Addr, Len: n, Flags: r.Flags} }
