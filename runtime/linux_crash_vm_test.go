// SPDX-License-Identifier: Apache-2.0

package runtime_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/offload-runtime/offload/bufmap"
	"github.com/offload-runtime/offload/dmabuf"
	"github.com/offload-runtime/offload/firmware"
	"github.com/offload-runtime/offload/rpmsg"
	"github.com/offload-runtime/offload/runtime"
)

// TestLinuxSilentCrash: with recovery disabled a crash shows on no endpoint. The session notices all the same, by the state
// attribute, and goes on after a recovery by hand.
func TestLinuxSilentCrash(t *testing.T) {
	b := openBoard(t, "")
	ctx := deadline(t)
	if err := b.life.SetRecovery(ctx, false); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := b.life.SetRecovery(context.Background(), true); err != nil {
			t.Error(err)
		}
	}()
	s := b.start(t)
	raw, err := rpmsg.Bus{}.Dial(ctx, rpmsg.DialConfig{Processor: b.info.Device, Service: "rpmsg-raw", Wait: patience})
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	buf := b.alloc(t, "linux,cma", 4096)
	for round := range 2 {
		was := s.Generation()
		flying := make(chan error, 1)
		go func() { flying <- s.Call(ctx, "sleep", nil, 50000, buf) }()
		go func() { flying <- s.Call(ctx, "sleep", nil, 50000) }()
		if err := <-flying; !errors.Is(err, runtime.ErrBadArguments) {
			t.Fatal(err)
		}
		err := s.Call(ctx, "crash", nil, 0)
		var crash *runtime.CrashError
		if !errors.Is(err, runtime.ErrCrashed) || !errors.As(err, &crash) || !errors.Is(err, firmware.ErrCrashed) {
			t.Fatalf("the call that crashed it: %v", err)
		}
		if crash.Processor != b.processor || crash.Generation != was || len(crash.Trace) == 0 {
			t.Errorf("%+v", crash)
		}
		want(t, "call in flight", <-flying, runtime.ErrCrashed)
		if state, err := b.life.State(); err != nil || state != firmware.StateCrashed {
			t.Errorf("state %q, %v", state, err)
		}
		if round == 0 {
			// The control: an endpoint alone would wait for ever.
			short, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
			if err := raw.Send(short, []byte("into the void")); err != nil {
				t.Errorf("the kernel tells of the crash after all: %v", err)
			}
			if _, err := raw.Recv(short, make([]byte, 8)); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the kernel tells of the crash after all: %v", err)
			}
			cancel()
		}
		want(t, "start of a crashed processor", b.life.Start(ctx), firmware.ErrCrashed)
		if err := b.life.Recover(ctx); err != nil {
			t.Fatal(err)
		}
		if err := s.Call(ctx, "fill", nil, buf.Out(), round); err != nil {
			t.Fatalf("after the recovery: %v", err)
		}
		got := make([]byte, 4096)
		if _, err := buf.ReadAt(got, 0); err != nil || !bytes.Equal(got, bytes.Repeat([]byte{byte(round)}, 4096)) {
			t.Errorf("the processor's bytes after the recovery: %v", err)
		}
		if s.Generation() == was {
			t.Errorf("generation is still %d", was)
		}
	}
	// A session whose processor lies there crashed can be closed, and that stops it.
	want(t, "last crash", s.Call(ctx, "crash", nil, 0), runtime.ErrCrashed)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if state, err := b.life.State(); err != nil || state != firmware.StateOffline {
		t.Errorf("state after Close %q, %v", state, err)
	}
}

// TestLinuxHalfRecovery: the kernel cannot load the firmware again. Calls fail when the time for a recovery is over, and
// what the kernel has left behind is named.
func TestLinuxHalfRecovery(t *testing.T) {
	b := openBoard(t, "")
	ctx := deadline(t)
	image, err := os.ReadFile("/lib/firmware/offload-" + b.processor + ".elf")
	if err != nil {
		t.Fatal(err)
	}
	c := b.config()
	c.Image, c.Firmware, c.RecoveryTime = image, "taken-away.elf", time.Second
	s, err := b.rt.Start(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	buf := b.alloc(t, "linux,cma", 4096)
	sum(t, s, buf.In(), 0)
	name, err := b.life.Firmware()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove("/lib/firmware/" + name); err != nil {
		t.Fatal(err)
	}
	want(t, "crash", s.Call(ctx, "crash", nil, 0), runtime.ErrCrashed)
	for range 2 {
		want(t, "call after it", s.Call(ctx, "ping", nil, 1), runtime.ErrCrashed, context.DeadlineExceeded)
	}
	if err := buf.View(dmabuf.ReadWrite, func([]byte) error { return nil }); err != nil {
		t.Errorf("the processor is off, its buffers are free: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("closing the session of a processor that is off: %v", err)
	}
	_, err = b.rt.Start(ctx, b.config())
	want(t, "start with a power count left over", err, firmware.ErrOnlyCounted)
	rebind(t, b)

	// Through a board opened anew it works again.
	again := openBoard(t, b.processor)
	s = again.start(t)
	sum(t, s, again.alloc(t, "linux,cma", 4096).In(), 0)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// rebind binds the processor's driver anew, which is the only way to get rid of a power count that the kernel lost.
func rebind(t *testing.T, b *board) {
	t.Helper()
	driver := "/sys/bus/platform/devices/" + b.info.Parent + "/driver/"
	unbind, err := os.OpenFile(driver+"unbind", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unbind.Close()
	bind, err := os.OpenFile(driver+"bind", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer bind.Close()
	for _, f := range []*os.File{unbind, bind} {
		if _, err := f.WriteString(b.info.Parent); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLinuxRefusals: what the kernel refuses a runtime, as the error that says so.
func TestLinuxRefusals(t *testing.T) {
	b := openBoard(t, "")
	ctx := deadline(t)
	start := func(firmware string, image []byte) error {
		c := b.config()
		c.Firmware, c.Image = firmware, image
		s, err := b.rt.Start(ctx, c)
		if err == nil {
			err = errors.Join(errors.New("it started"), s.Close())
		}
		return err
	}
	want(t, "missing firmware", start("missing.elf", nil), fs.ErrNotExist, syscall.ENOENT)
	want(t, "garbage to install", start("garbage.elf", []byte("garbage")), firmware.ErrBadImage)
	if err := os.WriteFile("/lib/firmware/garbage.elf", bytes.Repeat([]byte("garbage "), 1000), 0o644); err != nil {
		t.Fatal(err)
	}
	defer os.Remove("/lib/firmware/garbage.elf")
	want(t, "garbage installed by others", start("garbage.elf", nil), firmware.ErrBadImage, syscall.EINVAL)

	s := b.start(t)
	want(t, "second session with firmware", start(b.config().Firmware, nil), firmware.ErrRunning)
	_, err := b.rt.Start(ctx, runtime.SessionConfig{Processor: b.processor})
	want(t, "second session on the endpoint of the first", err, syscall.EBUSY)
	scattered := b.alloc(t, "system", 8<<20)
	want(t, "scattered buffer", s.Call(ctx, "sum", nil, scattered.In()), bufmap.ErrNotContiguous, syscall.EINVAL)
	_, err = b.rt.Alloc(ctx, runtime.AllocConfig{Heap: "msmc", Size: 1 << 30, Name: "too much"})
	want(t, "more than the heap", err, runtime.ErrNoMemory, syscall.ENOMEM)
	if err := s.Call(ctx, "ping", nil, 1); err != nil {
		t.Errorf("after the refusals: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
