// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"
	"time"

	"github.com/offload-runtime/offload/bufmap"
	"github.com/offload-runtime/offload/firmware"
	"github.com/offload-runtime/offload/internal/wire"
)

// Config describes a board. The zero value is the default board of the package comment.
type Config struct {
	Name       string            // "sim" if empty
	Heaps      []HeapConfig      // DefaultHeaps if nil
	Processors []ProcessorConfig // DefaultProcessors if nil
	// Programs are what firmware can name as its program (FirmwareConfig.Program). "functions", the function set of
	// docs/protocol.md, is always there unless it is replaced here.
	Programs map[string]*Mux
	// Checked fences the CPU mapping of every buffer outside of brackets.
	Checked bool
	Faults  Faults
}

// HeapConfig is a heap and the physical memory that is its own.
type HeapConfig struct {
	Name        string
	Aliases     []string
	Phys        bufmap.PhysAddr // a multiple of 4096
	Size        int64           // a multiple of 4096
	Scattered   bool            // buffers are made of single pages that lie apart
	Uncached    bool            // the CPU's mapping is not cached: no SYNC is needed
	NotMappable bool            // the CPU cannot map buffers, as in a secure heap
	OnChip      bool            // for HeapInfo
}

// ProcessorConfig is a processor.
type ProcessorConfig struct {
	Name        string           // for users, such as "dsp0"
	Kernel      string           // the kernel's name; made from Name if empty
	Machine     firmware.Machine // firmware for another machine is refused; MachineNone takes any
	Class       firmware.Class   // firmware of another class is refused; 0 takes any
	Coherent    bool             // sees the CPU's caches
	CacheLine   int              // 64 if 0
	AddressBits int              // 32 if 0
	// Windows are what the processor sees. Identity adds all of physical memory at its own addresses instead.
	Windows  []bufmap.Window
	Identity bool
	// Carveout is memory of the processor's own, where firmware is loaded: a window and the physical memory behind it.
	// It must lie below 4 GiB in device addresses, because resource tables have 32 bits.
	Carveout bufmap.Window
	// Firmware is installed at the start as NAME-PROGRAM.elf, as the firmware-name of a device tree would be. Its Program
	// is "functions" if empty. NoFirmware leaves the processor without.
	Firmware   FirmwareConfig
	NoFirmware bool
	// Requests is how many calls may be open at once in one session, 64 if 0; the window of the protocol's hello.
	Requests int
	// Beat is the time between heartbeats, 0 for none.
	Beat time.Duration
	// RecoveryDelay is how long a crashed processor stays in the state "crashed" before it recovers.
	RecoveryDelay time.Duration
}

// Sizes and places of the default board.
const (
	ddrPhys, ddrSize       = 0x9_0000_0000, 512 << 20
	securePhys, secureSize = 0x9_2000_0000, 16 << 20
	msmcPhys, msmcSize     = 0x7000_0000, 1 << 20
	systemPhys, systemSize = 0x8000_0000, 256 << 20
	dspPhys, coreSize      = 0x9_3000_0000, 16 << 20
	corePhys               = 0x6000_0000
)

// DefaultHeaps are the heaps of the default board.
func DefaultHeaps() []HeapConfig {
	return []HeapConfig{
		{Name: "ddr", Aliases: []string{"ddr"}, Phys: ddrPhys, Size: ddrSize},
		{Name: "msmc", Aliases: []string{"msmc"}, Phys: msmcPhys, Size: msmcSize, OnChip: true},
		{Name: "secure", Phys: securePhys, Size: secureSize, NotMappable: true},
		{Name: "system", Phys: systemPhys, Size: systemSize, Scattered: true},
	}
}

// DefaultProcessors are the processors of the default board.
func DefaultProcessors() []ProcessorConfig {
	return []ProcessorConfig{
		{
			Name: "dsp0", Kernel: "remoteproc0 (64800000.dsp)", Machine: firmware.MachineTIC6000, Class: firmware.Class32,
			CacheLine: 128, AddressBits: 32,
			Windows: []bufmap.Window{
				{Name: "ddr", Phys: ddrPhys, Device: 0xC000_0000, Size: ddrSize},
				{Name: "msmc", Phys: msmcPhys, Device: 0x0C00_0000, Size: msmcSize},
				{Name: "secure", Phys: securePhys, Device: 0xE000_0000, Size: secureSize},
			},
			Carveout: bufmap.Window{Name: "firmware", Phys: dspPhys, Device: 0x8000_0000, Size: coreSize},
		},
		{
			Name: "core0", Kernel: "remoteproc1 (78000000.cpu)", Machine: firmware.MachineAArch64, Class: firmware.Class64,
			CacheLine: 64, AddressBits: 64, Coherent: true, Identity: true,
			Carveout: bufmap.Window{Name: "firmware", Phys: corePhys, Device: corePhys, Size: coreSize},
		},
	}
}

// complete fills in what was left open.
func (c ProcessorConfig) complete() ProcessorConfig {
	if c.Kernel == "" {
		c.Kernel = "remoteproc (" + c.Name + ")"
	}
	if c.CacheLine == 0 {
		c.CacheLine = 64
	}
	if c.AddressBits == 0 {
		c.AddressBits = 32
	}
	if c.Carveout.Name == "" {
		c.Carveout.Name = "firmware"
	}
	if c.Requests == 0 {
		c.Requests = 64
	}
	if c.Firmware.Program == "" {
		c.Firmware.Program = "functions"
	}
	if c.Firmware.Base == 0 {
		c.Firmware.Base = c.Carveout.Device
	}
	if c.Firmware.Machine == firmware.MachineNone {
		c.Firmware.Machine = c.Machine
	}
	if c.Firmware.Class == 0 {
		c.Firmware.Class = c.Class
	}
	return c
}

func (c ProcessorConfig) windows() (bufmap.Windows, error) {
	if c.Requests < 0 || c.CacheLine < 0 || c.Beat < 0 || c.RecoveryDelay < 0 {
		return bufmap.Windows{}, fmt.Errorf("processor %q: a negative number of requests, bytes or time", c.Name)
	}
	if len(c.Name) == 0 || len(c.Name) > wire.MaxName {
		return bufmap.Windows{}, fmt.Errorf("processor %q: a name has 1 to %d bytes", c.Name, wire.MaxName)
	}
	if c.Identity {
		if len(c.Windows) > 0 || bufmap.PhysAddr(c.Carveout.Device) != c.Carveout.Phys {
			return bufmap.Windows{}, fmt.Errorf("processor %q: identity and windows exclude each other", c.Name)
		}
		return bufmap.Identity(c.AddressBits)
	}
	list := append([]bufmap.Window(nil), c.Windows...)
	if c.Carveout.Size > 0 {
		list = append(list, c.Carveout)
	}
	w, err := bufmap.NewWindows(c.AddressBits, list...)
	if err != nil {
		return w, fmt.Errorf("processor %q: %w", c.Name, err)
	}
	return w, nil
}
