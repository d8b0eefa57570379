// SPDX-License-Identifier: Apache-2.0

package runtime_test

import (
	"os"
	"strings"
	"testing"

	"github.com/offload-runtime/offload/internal/contract"
	"github.com/offload-runtime/offload/internal/testenv"
	"github.com/offload-runtime/offload/runtime"
)

// TestLinuxContract runs the suite of every board on each processor of the emulated boards.
func TestLinuxContract(t *testing.T) {
	testenv.NeedDevice(t, "/dev/dma_heap")
	testenv.NeedGlob(t, "/sys/class/remoteproc/remoteproc*")
	for _, processor := range processors(t) {
		t.Run(processor, func(t *testing.T) {
			for _, heap := range heaps() {
				t.Run(heap, func(t *testing.T) {
					contract.Run(t, func(t *testing.T) contract.Target { return linuxTarget(t, processor, heap) })
				})
			}
		})
	}
}

// heaps are those that the suite runs on. The shadow heap is memory that no processor sees coherently, so that it fits only
// boards that say so.
func heaps() []string {
	if strings.Contains(os.Getenv("OFFLOAD_MACHINE"), "coherent") {
		return []string{"linux,cma"}
	}
	return []string{"linux,cma", "shadow"}
}

func processors(t *testing.T) (names []string) {
	t.Helper()
	b, err := runtime.OpenLinux(t.Context(), runtime.LinuxConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	list, err := b.Processors()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range list {
		names = append(names, p.Info().Name)
	}
	return names
}

func linuxTarget(t *testing.T, processor, heap string) contract.Target {
	t.Helper()
	b, err := runtime.OpenLinux(t.Context(), runtime.LinuxConfig{})
	if err != nil {
		t.Fatal(err)
	}
	tg := contract.Target{
		Board: b, Processor: processor, Firmware: "offload-" + processor + ".elf",
		Heap: heap, OnChip: "msmc", Scattered: "system", RestartsSelf: true, Stoppable: true,
		WildAddress: 0xff000000000, // DSP_UNMAPPED of test/qemu/include/board.h
	}
	if heap == "linux,cma" {
		tg.Alias = "cma"
	}
	if processor == "r5f" {
		tg.OutOfReach = "high"
		tg.WildAddress = 0x90000000 // R5F_UNMAPPED
		tg.NoAddress = 0x10000000
	}
	list, err := b.Processors()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range list {
		if p.Info().Name == processor {
			tg.Coherent = p.Info().Coherent
		}
	}
	return tg
}
