// SPDX-License-Identifier: Apache-2.0

package kmod_test

import (
	"os"
	"testing"

	"github.com/offload-runtime/offload/internal/uapi"
)

// Mainline's CMA heap ends at exactly 2 GiB for one buffer.
func TestBig(t *testing.T) {
	if m := os.Getenv("OFFLOAD_MACHINE"); m != "" && m != "dsp-big" {
		t.Skipf("%s has no heap of 3 GiB", m)
	}
	heap := heapNamed(t, "ddr")
	before, size := buffers(t), heap.size(t)

	marks := func(length int64) []int64 {
		return []int64{0, 1<<31 - 8, 1 << 31, 1<<31 + 8, length - 8}
	}
	for _, length := range []int64{2*gib + 256*mib, size} {
		for round := range 2 {
			buf := alloc(t, heap.name, uint64(length))
			if end, err := buf.SeekEnd(); err != nil || end != length {
				t.Fatalf("size %d, %v, want %d", end, err, length)
			}
			if largest := heap.largest(t); largest != size-length {
				t.Errorf("%d bytes at once left, want %d", largest, size-length)
			}
			node := open(t, processors(t)[0].node)
			addr := mustAttach(t, node, buf)
			bus := open(t, physNode)
			if phys := mustAttach(t, bus, buf); phys != addr || addr < 1<<32 {
				t.Errorf("at %#x for the processor, %#x on the bus", addr, phys)
			}
			sync(t, buf, uapi.DMABufSyncStart|uapi.DMABufSyncRead|uapi.DMABufSyncWrite)
			b := mapped(t, buf, 0, length)
			for i, at := range marks(length) {
				if b[at] != 0 {
					t.Errorf("round %d: byte %d of a new buffer is %#x", round, at, b[at])
				}
				b[at] = byte(i + 1)
			}
			for i, at := range marks(length) {
				page := at &^ 4095
				window := mapped(t, buf, page, 4*kib)
				if got := window[at-page]; got != byte(i+1) {
					t.Errorf("byte %d is %#x through another mapping", at, got)
				}
				unmapped(t, window)
			}
			sync(t, buf, uapi.DMABufSyncEnd|uapi.DMABufSyncRead|uapi.DMABufSyncWrite)
			unmapped(t, b)
			closed(t, bus)
			closed(t, node)
			closed(t, buf)
			if n := buffers(t); n != before || heap.free(t) != size {
				t.Errorf("%d buffers and %d bytes free after, %d and %d before", n, heap.free(t), before, size)
			}
		}
	}
}
