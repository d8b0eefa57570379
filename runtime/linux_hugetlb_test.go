// SPDX-License-Identifier: Apache-2.0

package runtime_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/offload-runtime/offload/internal/functions"
	"github.com/offload-runtime/offload/internal/testenv"
	"github.com/offload-runtime/offload/runtime"
)

// TestLinuxHugetlbHeap: huge pages behind a udmabuf are a heap as any other, for each processor.
func TestLinuxHugetlbHeap(t *testing.T) {
	testenv.NeedRoot(t)
	testenv.NeedDevice(t, "/dev/udmabuf")
	testenv.NeedDevice(t, "/sys/kernel/mm/hugepages/hugepages-2048kB")
	testenv.NeedGlob(t, "/sys/class/remoteproc/remoteproc*")
	hugePages(t, 32)
	for _, processor := range processors(t) {
		t.Run(processor, func(t *testing.T) {
			board, err := runtime.OpenLinux(t.Context(), runtime.LinuxConfig{})
			if err != nil {
				t.Fatal(err)
			}
			defer board.Close()
			rt, err := runtime.New(runtime.Config{Board: board})
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := rt.Close(); err != nil {
					t.Error(err)
				}
			}()
			c := runtime.AllocConfig{Size: 3 << 20, Heap: "hugetlb", Name: "huge", For: []string{processor}}
			list, err := rt.Explain(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			if list[0].Heap != "hugetlb" || !list[0].Suits {
				t.Errorf("%v", list)
			}
			s, err := rt.Start(t.Context(), runtime.SessionConfig{Processor: processor, Firmware: "offload-" + processor + ".elf"})
			if err != nil {
				t.Fatal(err)
			}
			var place []uint64
			for i := range 3 {
				b, err := rt.Alloc(t.Context(), c)
				if err != nil {
					t.Fatal(err)
				}
				a, err := b.Address(processor)
				if err != nil || b.Heap() != "hugetlb" {
					t.Errorf("%v at %+v: %v", b, a, err)
				}
				place = append(place, uint64(a.Phys))
				if v := first(t, b); v != 0 {
					t.Errorf("round %d begins with %d", i, v)
				}
				put(t, b, byte(i+1))
				var crc uint32
				p := slices.Repeat([]byte{byte(i + 1)}, 3<<20)
				if err := s.Call(t.Context(), "crc32c", &crc, b.In()); err != nil || crc != functions.CRC32C(p) {
					t.Errorf("the processor sees CRC %#x, want %#x: %v", crc, functions.CRC32C(p), err)
				}
				if err := s.Call(t.Context(), "fill", nil, b.Out(), 0x5a); err != nil {
					t.Fatal(err)
				}
				if v := first(t, b); v != 0x5a {
					t.Errorf("the CPU sees %#x", v)
				}
				if err := b.Close(); err != nil {
					t.Error(err)
				}
			}
			if place[1] != place[0] {
				t.Errorf("not used again: %#x", place)
			}
			if _, err := rt.Alloc(t.Context(), runtime.AllocConfig{Size: 1 << 40, Heap: "hugetlb"}); !errors.Is(err, runtime.ErrNoMemory) {
				t.Errorf("1 TiB: %v", err)
			}
		})
	}
}
