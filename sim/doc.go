// SPDX-License-Identifier: Apache-2.0

// Package sim is a board inside the process: heaps, caches, processors and firmware without hardware, root or setup.
// It is what the unit tests of an application for remote processors run on, as net/http/httptest is for HTTP.
//
// A [Board] implements runtime.Board. Its processors are Go functions, registered like HTTP handlers:
//
//	mux := sim.NewMux()
//	mux.HandleFunc("double", func(c *sim.Call) error {
//		n := c.Uint()
//		if err := c.End(); err != nil {
//			return err
//		}
//		return c.ResultUint(2 * n)
//	})
//	board, err := sim.New(sim.Config{Programs: map[string]*sim.Mux{"mine": mux}})
//
// The zero [Config] is a board with the heaps ddr, msmc, secure and system and two processors: dsp0, with 32 address
// bits, device addresses of its own and no view of the CPU's caches; and core0, with 64, physical addresses and coherent.
//
// # What is simulated
//
// Physical memory, contiguous allocation with its fragmentation, and pages that lie apart. A processor reaches memory
// through device addresses and the windows of its configuration; elsewhere it faults, which is a crash. Firmware is a
// real ELF file with a resource table: it is checked, loaded segment by segment, started, stopped and traced through
// package firmware, with the errors of the kernel. RPMsg has payloads of 496 bytes and 256 buffers towards the processor;
// when they are taken Send waits. Towards the host nothing waits, because the kernel empties that ring at once into a
// queue without limit (drivers/rpmsg/virtio_rpmsg_bus.c, rpmsg_char.c).
//
// # Caches
//
// For a processor that is not coherent the CPU's bytes and memory are different bytes. SYNC, attach and detach move them
// as the kernel does on arm64: reading invalidates at its start, every end cleans, mapping an attachment cleans,
// unmapping it invalidates, and without an attachment SYNC does nothing. Nothing else ever moves them: a missing or wrong
// bracket shows stale data every time, not once a month. Cleaning writes the lines of 64 bytes that the CPU changed,
// so that a CPU and a processor that write different lines do not disturb each other, and those that share one do.
// [Board.Stats] counts what was moved and, as Lost, what was dropped.
//
// [Config.Checked] fences the CPU mapping of every buffer outside of brackets (dmabuf.Buffer.SetChecked).
//
// # Faults
//
// [Faults] disturbs messages at random, reproducibly by its seed. [Board.Inject] disturbs the next message of a method,
// an allocation or an attachment. [Board.Crash] is an exception of a processor.
//
// # Time
//
// Nothing here waits for real time except through package time, so that boards work inside testing/synctest.
//
// # Lifetime
//
// [Board.Close] stops the processors. Buffers and connections must be closed before; those that are not are named in the
// error. Memory is given back with the last buffer. A function that never returns cannot be ended from outside: hang with
// [Call.Hang], or heed [Call.Context].
//
// # Concurrency
//
// All methods may be called from several goroutines. Each run of a processor has one dispatcher: functions run one after
// the other, as on one core. Those registered with [Mux.HandleTask] run beside it.
//
// # Kernel requirements
//
// Linux for memfd_create, mmap and mprotect; no device nodes and no privileges.
package sim
