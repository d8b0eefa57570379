// SPDX-License-Identifier: Apache-2.0

package rpmsg_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/offload-runtime/offload/internal/sysfs"
	"github.com/offload-runtime/offload/internal/testenv"
	"github.com/offload-runtime/offload/rpmsg"
)

// processor starts the first processor of the machine, whose firmware echoes what is sent to the service rpmsg-raw.
func processor(t testing.TB) (name string, attrs sysfs.Dir) {
	t.Helper()
	testenv.NeedRoot(t)
	attrs = sysfs.Dir{Root: testenv.NeedGlob(t, "/sys/class/remoteproc/remoteproc*")[0]}
	start(t, attrs)
	t.Cleanup(func() {
		if state, _ := attrs.ReadAttr("state"); state == "running" {
			stop(t, attrs)
		}
	})
	return filepath.Base(attrs.Root), attrs
}

func start(t testing.TB, attrs sysfs.Dir) {
	t.Helper()
	if state, err := attrs.ReadAttr("state"); err != nil || state != "offline" {
		testenv.Missing(t, "rproc", "a processor that is offline: state is "+state)
	}
	if err := attrs.WriteAttr("state", "start"); err != nil {
		t.Fatal(err)
	}
}

func stop(t testing.TB, attrs sysfs.Dir) {
	t.Helper()
	if err := attrs.WriteAttr("state", "stop"); err != nil {
		t.Error(err)
	}
}

func dial(t testing.TB, c rpmsg.DialConfig) *rpmsg.Endpoint {
	t.Helper()
	c.Wait = 10 * time.Second
	e, err := rpmsg.Bus{}.Dial(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

func echo(t testing.TB, e *rpmsg.Endpoint, msg []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := e.Send(ctx, msg); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, rpmsg.MaxPayload)
	if n, err := e.Recv(ctx, buf); err != nil || !bytes.Equal(buf[:n], msg) {
		t.Fatalf("%d of %d bytes came back, %v", n, len(msg), err)
	}
}

func TestBoardEcho(t *testing.T) {
	name, _ := processor(t)
	e := dial(t, rpmsg.DialConfig{Processor: name, Service: "rpmsg-raw"})
	for _, size := range []int{1, 2, 100, rpmsg.MaxPayload - 1, rpmsg.MaxPayload} {
		echo(t, e, bytes.Repeat([]byte{byte(size)}, size))
	}
	if _, err := rpmsg.Open(e.Name()); !errors.Is(err, syscall.EBUSY) {
		t.Errorf("a second opener: %v", err)
	}
	second, err := rpmsg.Bus{}.Dial(t.Context(), rpmsg.DialConfig{Processor: name, Service: "rpmsg-raw"})
	if second != nil || !errors.Is(err, syscall.EBUSY) {
		t.Errorf("dialing what is open: %v", err)
	}
	for _, spin := range []time.Duration{50 * time.Microsecond, 10 * time.Millisecond} {
		e.Spin = spin
		for i := range 50 {
			echo(t, e, []byte{byte(i)})
		}
	}
}

// An endpoint of one's own has its own address, works beside the channel's node and is gone after Close.
func TestBoardOwnEndpoints(t *testing.T) {
	name, _ := processor(t)
	shared := dial(t, rpmsg.DialConfig{Processor: name, Service: "rpmsg-raw"})
	var nodes []string
	var own []*rpmsg.Endpoint
	for range 3 {
		e := dial(t, rpmsg.DialConfig{Processor: name, Service: "rpmsg-raw", Own: true})
		own = append(own, e)
		nodes = append(nodes, filepath.Base(e.Name()))
	}
	for i, e := range append(own, shared) {
		if err := e.Send(t.Context(), []byte{byte(i)}); err != nil {
			t.Fatal(err)
		}
	}
	for i, e := range append(own, shared) {
		buf := make([]byte, 8)
		if n, err := e.Recv(t.Context(), buf); err != nil || n != 1 || buf[0] != byte(i) {
			t.Errorf("endpoint %d got %v, %v", i, buf[:n], err)
		}
	}
	for _, e := range own {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
	list, err := rpmsg.Bus{}.Devices()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range list {
		if slices.Contains(nodes, d.Node) {
			t.Errorf("%s is still there: %+v", d.Node, d)
		}
	}
}

// A channel without a driver is bound, once.
func TestBoardBinds(t *testing.T) {
	name, _ := processor(t)
	for range 2 {
		e := dial(t, rpmsg.DialConfig{Processor: name, Service: "offload"})
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
	list, err := rpmsg.Bus{}.Channels()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(list, func(c rpmsg.Channel) bool { return c.Processor == name && c.Name == "offload" })
	if i < 0 || list[i].Driver != "rpmsg_chrdev" || list[i].Node == "" {
		t.Errorf("%+v", list)
	}
	_, err = rpmsg.Bus{}.Dial(t.Context(), rpmsg.DialConfig{Processor: name, Service: "no such service"})
	if !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// More messages than there are buffers: Send waits, and none is lost.
func TestBoardFullRing(t *testing.T) {
	name, _ := processor(t)
	e := dial(t, rpmsg.DialConfig{Processor: name, Service: "rpmsg-raw"})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	const count = 5000
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range count {
			if err := e.Send(ctx, []byte{byte(i), byte(i >> 8)}); err != nil {
				t.Errorf("message %d: %v", i, err)
				return
			}
		}
	})
	buf := make([]byte, rpmsg.MaxPayload)
	for i := range count {
		n, err := e.Recv(ctx, buf)
		if err != nil || n != 2 || int(buf[0])|int(buf[1])<<8 != i {
			t.Errorf("message %d: %v, %v", i, buf[:n], err)
			break
		}
	}
	wg.Wait()
}

// The processor stops: who waits wakes, the endpoint stays dead, and the next one is found by name.
func TestBoardStop(t *testing.T) {
	name, attrs := processor(t)
	e := dial(t, rpmsg.DialConfig{Processor: name, Service: "rpmsg-raw"})
	own := dial(t, rpmsg.DialConfig{Processor: name, Service: "rpmsg-raw", Own: true})
	echo(t, e, []byte("before"))
	woken := make(chan error, 4)
	cancellable, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { _, err := e.Recv(context.Background(), nil); woken <- err }()
	go func() { _, err := e.Recv(cancellable, nil); woken <- err }()
	go func() { _, err := own.Recv(cancellable, nil); woken <- err }()
	stop(t, attrs)
	for range 3 {
		if err := <-woken; !errors.Is(err, rpmsg.ErrPeerGone) || !errors.Is(err, syscall.EPIPE) {
			t.Errorf("woken with %v", err)
		}
	}
	if err := e.Send(t.Context(), []byte("x")); !errors.Is(err, rpmsg.ErrPeerGone) {
		t.Errorf("sending to the dead: %v", err)
	}
	if _, err := os.Stat(e.Name()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s: %v", e.Name(), err)
	}
	if list, err := (rpmsg.Bus{}).Channels(); err != nil || slices.ContainsFunc(list, func(c rpmsg.Channel) bool { return c.Processor == name }) {
		t.Errorf("%+v, %v", list, err)
	}
	start(t, attrs)
	again := dial(t, rpmsg.DialConfig{Processor: name, Service: "rpmsg-raw"})
	echo(t, again, []byte("after"))
	for _, dead := range []*rpmsg.Endpoint{e, own} {
		if err := dead.Close(); err != nil {
			t.Errorf("closing the dead: %v", err)
		}
	}
	echo(t, again, []byte("the new one is another"))
}

func BenchmarkBoardEcho(b *testing.B) {
	name, _ := processor(b)
	for _, spin := range []time.Duration{0, 100 * time.Microsecond, 500 * time.Microsecond} {
		b.Run("spin="+spin.String(), func(b *testing.B) {
			e := dial(b, rpmsg.DialConfig{Processor: name, Service: "rpmsg-raw"})
			defer e.Close()
			e.Spin = spin
			msg, buf := make([]byte, 64), make([]byte, rpmsg.MaxPayload)
			b.ReportAllocs()
			for b.Loop() {
				if err := e.Send(b.Context(), msg); err != nil {
					b.Fatal(err)
				}
				if _, err := e.Recv(b.Context(), buf); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
