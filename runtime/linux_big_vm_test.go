// SPDX-License-Identifier: Apache-2.0

package runtime_test

import (
	"bytes"
	"testing"

	"github.com/offload-runtime/offload/bufmap"
	"github.com/offload-runtime/offload/internal/functions"
	"github.com/offload-runtime/offload/runtime"
)

// TestBigBuffer: one buffer of 2.25 GiB, of which a function works on the first, the middle and the last bytes. No offset in
// its way may be a number of 31 or 32 bits.
func TestBigBuffer(t *testing.T) {
	needMachine(t, "dsp-big")
	b := openBoard(t, "")
	const size, part = 9 << 28, 8192
	before := kernelUse(t)
	s := b.start(t)
	ctx := deadline(t)
	buf := b.alloc(t, "ddr", size)
	a, err := buf.Address(b.processor)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes at physical %v, device %v, by %s", buf.Size(), a.Phys, a.Device, a.Provenance)
	for i, off := range []int64{0, 1<<31 - part/2, 1 << 31, 1<<31 + 1<<27, size - part} {
		d, err := buf.DeviceAddress(b.processor, off, part)
		if err != nil || d != a.Device+bufmap.DeviceAddr(off) {
			t.Errorf("offset %#x: device %v, %v", off, d, err)
		}
		data := make([]byte, part)
		for j := range data {
			data[j] = byte(j*7 + i*31 + j>>8)
		}
		if _, err := buf.WriteAt(data, off); err != nil {
			t.Fatal(err)
		}
		var crc uint32
		if err := s.Call(ctx, "crc32c", &crc, buf.Range(off, part, runtime.In)); err != nil || crc != functions.CRC32C(data) {
			t.Errorf("offset %#x: the processor sees %#x, %v, want %#x", off, crc, err, functions.CRC32C(data))
		}
		if err := s.Call(ctx, "fill", nil, buf.Range(off+part/2, part/2, runtime.Out), i+1); err != nil {
			t.Fatal(err)
		}
		copy(data[part/2:], bytes.Repeat([]byte{byte(i + 1)}, part/2))
		got := make([]byte, part)
		if _, err := buf.ReadAt(got, off); err != nil || !bytes.Equal(got, data) {
			t.Errorf("offset %#x: the CPU sees other bytes than the processor wrote, %v", off, err)
		}
	}
	if err := buf.Close(); err != nil {
		t.Error(err)
	}
	// The memory is free again.
	b.settled(t, before)
	again := b.alloc(t, "ddr", size)
	if err := again.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	b.settled(t, before)
}
