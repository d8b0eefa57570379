// SPDX-License-Identifier: Apache-2.0

package rpmsg_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/offload-runtime/offload/internal/sys"
	"github.com/offload-runtime/offload/internal/sysfs"
	"github.com/offload-runtime/offload/internal/wire"
	"github.com/offload-runtime/offload/rpmsg"
)

// TestBoardMessageSize: the kernel's own limit is the one that Send knows, and a message of no bytes is one.
func TestBoardMessageSize(t *testing.T) {
	name, _ := processor(t)
	e := dial(t, rpmsg.DialConfig{Processor: name, Service: "rpmsg-raw"})
	long := make([]byte, rpmsg.MaxPayload+1)
	if err := e.Send(t.Context(), long); !errors.Is(err, rpmsg.ErrTooLong) || !errors.Is(err, syscall.EMSGSIZE) {
		t.Errorf("497 bytes: %v", err)
	}
	if err := e.Send(t.Context(), nil); err != nil {
		t.Errorf("no bytes: %v", err)
	}
	buf := make([]byte, rpmsg.MaxPayload)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if n, err := e.Recv(ctx, buf); n != 0 || err != nil {
		t.Errorf("the echo of no bytes: %d, %v", n, err)
	}
	echo(t, e, long[:rpmsg.MaxPayload])
	path := e.Name()
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}

	f, err := sys.Open(path, os.O_RDWR)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if n, err := f.Write(long); !errors.Is(err, syscall.EMSGSIZE) {
		t.Errorf("the kernel takes 497 bytes: %d, %v", n, err)
	}
	_, err = rpmsg.Open(path)
	if !errors.Is(err, syscall.EBUSY) || !strings.Contains(err.Error(), "one opener at a time") {
		t.Errorf("a second opener: %v", err)
	}
}

// TestBoardCrash: a crash wakes who waits, as a stop does.
func TestBoardCrash(t *testing.T) {
	name, _ := processor(t)
	e := dial(t, rpmsg.DialConfig{Processor: name, Service: "rpmsg-raw"})
	echo(t, e, []byte("before"))
	woken := make(chan error, 1)
	go func() { _, err := e.Recv(context.Background(), make([]byte, 8)); woken <- err }()
	debug := sysfs.Dir{Root: filepath.Join("/sys/kernel/debug/remoteproc", name)}
	if err := debug.WriteAttr("crash", "1"); err != nil {
		t.Fatal(err)
	}
	if err := <-woken; !errors.Is(err, rpmsg.ErrPeerGone) || !errors.Is(err, syscall.EPIPE) {
		t.Errorf("woken with %v", err)
	}
	for range 2 {
		if err := e.Send(t.Context(), []byte("x")); !errors.Is(err, rpmsg.ErrPeerGone) {
			t.Errorf("sending to the dead: %v", err)
		}
		if _, err := e.Recv(t.Context(), nil); !errors.Is(err, rpmsg.ErrPeerGone) {
			t.Errorf("receiving from the dead: %v", err)
		}
	}
	for { // what is found may be the node of before, going away
		again, err := rpmsg.Bus{}.Dial(t.Context(), rpmsg.DialConfig{Processor: name, Service: "rpmsg-raw", Wait: 10 * time.Second})
		if errors.Is(err, rpmsg.ErrPeerGone) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		defer again.Close()
		err = again.Send(t.Context(), []byte("after"))
		if errors.Is(err, rpmsg.ErrPeerGone) {
			continue
		}
		buf := make([]byte, rpmsg.MaxPayload)
		n, err := again.Recv(t.Context(), buf)
		if errors.Is(err, rpmsg.ErrPeerGone) {
			continue
		}
		if err != nil || string(buf[:n]) != "after" {
			t.Errorf("after recovery: %q, %v", buf[:n], err)
		}
		return
	}
}

// TestBoardRingStaysFull: a core that takes nothing any more. The kernel's own blocking write would wait 15 s for room
// (rpmsg_send_offchannel_raw); Send ends with its context, and the stop of the core ends a Send that has none.
func TestBoardRingStaysFull(t *testing.T) {
	name, attrs := processor(t)
	e := dial(t, rpmsg.DialConfig{Processor: name, Service: "rpmsg-raw"})
	hang(t, name)
	msg := bytes.Repeat([]byte{1}, 100)
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	began, sent := time.Now(), 0
	var err error
	for err == nil {
		if err = e.Send(ctx, msg); err == nil {
			sent++
		}
	}
	if !errors.Is(err, context.DeadlineExceeded) || sent == 0 || sent > 512 {
		t.Errorf("%d messages, then %v", sent, err)
	}
	if took := time.Since(began); took > 14*time.Second {
		t.Errorf("Send was stuck in the kernel: %v", took)
	}
	t.Logf("%d messages fit; Send ended %v after its deadline", sent, time.Since(began)-500*time.Millisecond)
	blocked := make(chan error, 1)
	go func() { blocked <- e.Send(context.Background(), msg) }()
	stop(t, attrs)
	if err := <-blocked; !errors.Is(err, rpmsg.ErrPeerGone) {
		t.Errorf("Send while the core was stopped: %v", err)
	}
}

// hang has the core switch its interrupts off and loop: hello, then the method (docs/protocol.md).
func hang(t *testing.T, name string) {
	t.Helper()
	e := dial(t, rpmsg.DialConfig{Processor: name, Service: "offload"})
	hello := wire.AppendRequest(nil, 1, wire.Method{Num: wire.MethodHello}, 6, false)
	for _, v := range []uint64{wire.Version, rpmsg.MaxPayload, 4, 64, 0, 0} {
		hello = wire.AppendUint(hello, v)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := e.Send(ctx, hello); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, rpmsg.MaxPayload)
	n, err := e.Recv(ctx, buf)
	if err != nil {
		t.Fatal(err)
	}
	if m, _, err := wire.Parse(buf[:n]); err != nil || m.Kind != wire.Response || m.Code != 0 {
		t.Fatalf("hello: %+v, %v", m, err)
	}
	if err := e.Send(ctx, wire.AppendRequest(nil, 2, wire.Method{Name: []byte("hang")}, 0, false)); err != nil {
		t.Fatal(err)
	}
}
