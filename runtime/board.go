// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"

	"github.com/offload-runtime/offload/bufmap"
	"github.com/offload-runtime/offload/dmabuf"
	"github.com/offload-runtime/offload/firmware"
	"github.com/offload-runtime/offload/rpmsg"
)

// Board is heaps and processors together: the one seam between this package and hardware. There are two implementations,
// the devices of a Linux kernel (OpenLinux) and package sim. All methods may be called from several goroutines.
type Board interface {
	// Name is for people: "sim", or the model of the device tree.
	Name() string
	// Heaps lists the heaps that exist now.
	Heaps() ([]HeapInfo, error)
	// Alloc allocates size bytes, rounded up to pages, from the heap of that exact name. The error names heap, size and,
	// where known, the free bytes and the largest free range; it wraps ENOMEM or fs.ErrNotExist.
	Alloc(ctx context.Context, heap string, size int64, label string) (*dmabuf.Buffer, error)
	// Processors lists the processors, in a fixed order.
	Processors() ([]Processor, error)
	// Close gives up what the board holds. Buffers and endpoints must be closed before.
	Close() error
}

// HeapInfo describes one heap. Sizes are in bytes; -1 means unknown.
type HeapInfo struct {
	Name        string   // the kernel's name, such as "linux,cma"
	Aliases     []string // names of the board profile, such as "ddr" and "msmc"
	Contiguous  bool     // every buffer is one range on the bus
	Cached      bool     // the CPU mapping is cached
	Mappable    bool     // the CPU can map buffers
	Zeroed      bool     // new buffers hold zeros
	OnChip      bool
	Size        int64
	Free        int64
	LargestFree int64 // largest buffer that fits now
}

// Processor is one processor of a board: a remoteproc with what the runtime must know to use it.
type Processor interface {
	Info() ProcessorInfo
	// Remoteproc is the life cycle: state, firmware, start, stop.
	Remoteproc() *firmware.Processor
	// Install puts a firmware image where the processor's loader finds it and returns the name for SetFirmware.
	Install(name string, image []byte) (string, error)
	// Translators are the ways to learn bus addresses of buffers for this processor, best first.
	Translators() bufmap.Chain
	// Dial opens an endpoint to the service that the running firmware announced under that name; it waits until the
	// announcement comes or ctx ends.
	Dial(ctx context.Context, service string) (rpmsg.Conn, error)
	// Trace returns the text of the firmware's trace buffer; errors.ErrUnsupported if it has none.
	Trace() (string, error)
}

// ProcessorInfo describes a processor. It does not change while the board is open.
type ProcessorInfo struct {
	Name      string // the name that users give, such as "dsp0"
	Kernel    string // the kernel's name, such as "remoteproc0 (64800000.dsp)"
	Machine   string // of its firmware: "c6000", "aarch64", "arm"; "" if unknown
	Coherent  bool   // sees the CPU's caches
	CacheLine int    // bytes of the processor's cache line, 1 without cache
	Windows   bufmap.Windows
}
