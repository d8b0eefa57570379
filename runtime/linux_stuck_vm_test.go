// SPDX-License-Identifier: Apache-2.0

package runtime_test

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/offload-runtime/offload/dmabuf"
	"github.com/offload-runtime/offload/firmware"
	"github.com/offload-runtime/offload/runtime"
)

// TestNoResetStuck: a core that hangs and cannot be stopped. It may write to its buffers for ever, so that nobody gets them
// again; the other processor is not disturbed. This boot's dsp0 is lost afterwards.
func TestNoResetStuck(t *testing.T) {
	needMachine(t, "dsp-noreset")
	b := openBoard(t, "dsp0")
	ctx := deadline(t)
	rt, err := runtime.New(runtime.Config{Board: b.Board, DDR: "linux,cma", MSMC: "msmc"})
	if err != nil {
		t.Fatal(err)
	}
	stuck, err := rt.Start(ctx, b.config())
	if err != nil {
		t.Fatal(err)
	}
	c := b.config()
	c.Processor, c.Firmware = "dsp1", "offload-dsp1.elf"
	other, err := rt.Start(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	alloc := func(name string) *runtime.Buffer {
		buf, err := rt.Alloc(ctx, runtime.AllocConfig{Size: 4096, Name: name})
		if err != nil {
			t.Fatal(err)
		}
		return buf
	}
	lost, free, shared := alloc("lost"), alloc("free"), alloc("shared")
	sum(t, stuck, free.In(), 0)

	short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	hung := make(chan error, 1)
	go func() { hung <- stuck.Call(short, "hang", nil) }()
	for err == nil { // until one comes behind the hang
		err = stuck.Call(short, "fill", nil, lost.Out(), 1)
	}
	want(t, "call to a core that hangs", err, context.DeadlineExceeded)
	want(t, "the call that hangs", <-hung, context.DeadlineExceeded)

	err = stuck.Close()
	want(t, "closing its session", err, firmware.ErrStuck, syscall.ETIMEDOUT)
	for _, words := range []string{"dsp0", "do not reuse buffers it knows", "reset the board"} {
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%v does not say %q", err, words)
		}
	}
	want(t, "stopping it again", b.life.Stop(ctx), firmware.ErrStuck, syscall.ETIMEDOUT)
	want(t, "its buffer for the CPU", lost.Begin(dmabuf.Read), runtime.ErrQuarantined, runtime.ErrBusy)
	want(t, "its buffer for another", other.Call(ctx, "sum", nil, lost.In()), runtime.ErrQuarantined)
	_, err = rt.Start(ctx, b.config())
	want(t, "starting it again", err, firmware.ErrRunning)
	c = b.config()
	c.Replace = true
	_, err = rt.Start(ctx, c)
	want(t, "replacing its firmware", err, firmware.ErrStuck)

	// The rest of the board works.
	if err := free.View(dmabuf.ReadWrite, func(p []byte) error { p[0] = 7; return nil }); err != nil {
		t.Errorf("a buffer that it has answered for: %v", err)
	}
	sum(t, other, free.In(), 7)
	if err := other.Call(ctx, "fill", nil, shared.Out(), 2); err != nil {
		t.Error(err)
	}
	if err := other.Close(); err != nil {
		t.Errorf("the other processor: %v", err)
	}

	// Closed or not, the memory stays where it is.
	before := kernelUse(t)
	if err := lost.Close(); err != nil {
		t.Error(err)
	}
	if now := kernelUse(t); now.buffers != before.buffers {
		t.Errorf("%d buffers in the kernel, there were %d: a buffer was freed that the core may write to", now.buffers, before.buffers)
	}
	err = rt.Close()
	want(t, "closing the runtime", err, runtime.ErrQuarantined)
	if err == nil || !strings.Contains(err.Error(), `"lost"`) || strings.Contains(err.Error(), `"free"`) {
		t.Errorf("%v does not name the one buffer", err)
	}
	if now := kernelUse(t); now.buffers != before.buffers-2 {
		t.Errorf("%d buffers in the kernel after the runtime, want %d", now.buffers, before.buffers-2)
	}
	if err := errors.Join(lost.DMABuf().Close()); err != nil { // for the check of leaks; the core has nothing to do with it any more
		t.Error(err)
	}
}
