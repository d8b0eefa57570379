// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"
	"math"

	"github.com/offload-runtime/offload/bufmap"
	"github.com/offload-runtime/offload/firmware"
)

// The ELF note by which firmware of simulated processors is known. The name is that of the program in Config.Programs.
const (
	noteOwner   = "offload-sim"
	noteProgram = 1
	noteName    = 2
)

// FirmwareConfig describes a firmware file for a simulated processor. The zero value is the function set for dsp0 of the
// default board.
type FirmwareConfig struct {
	Program   string            // a key of Config.Programs; "functions" if empty
	Name      string            // what it calls itself in hello; Program if empty
	Machine   firmware.Machine  // MachineTIC6000 if MachineNone
	Class     firmware.Class    // Class64 for MachineAArch64, else Class32, if 0
	Base      bufmap.DeviceAddr // where it is linked; 0x8000_0000 if 0
	Size      int               // bytes of its carveout; 1 MiB if 0
	TraceSize int               // bytes of its trace buffer; 16 KiB if 0, none if negative
}

// Layout of a firmware file below its Base.
const (
	codeSize   = 0x1000
	tableSize  = 0x1000
	minFWSize  = 0x10000
	traceAlign = 0x1000
)

// Firmware makes a firmware file: an ELF image with one segment of code, a resource table with carveout, trace buffer and
// virtio device, and a note that names the program.
func Firmware(c FirmwareConfig) ([]byte, error) {
	if c.Program == "" {
		c.Program = "functions"
	}
	if c.Name == "" {
		c.Name = c.Program
	}
	if c.Machine == firmware.MachineNone {
		c.Machine = firmware.MachineTIC6000
	}
	if c.Class == 0 {
		c.Class = firmware.Class32
		if c.Machine == firmware.MachineAArch64 {
			c.Class = firmware.Class64
		}
	}
	if c.Base == 0 {
		c.Base = 0x8000_0000
	}
	if c.Size == 0 {
		c.Size = 1 << 20
	}
	if c.TraceSize == 0 {
		c.TraceSize = 16 << 10
	}
	base, need := uint64(c.Base), codeSize+tableSize+max(c.TraceSize, 0)
	switch {
	case c.Size < minFWSize || need > c.Size:
		return nil, fmt.Errorf("firmware of program %q: a carveout of %d bytes is too small, it needs %d", c.Program, c.Size, max(need, minFWSize))
	case base+uint64(c.Size) > math.MaxUint32 || base+uint64(c.Size) < base:
		return nil, fmt.Errorf("firmware of program %q at %#x: resource tables have 32-bit addresses", c.Program, base)
	}
	table := &firmware.ResourceTable{Entries: []firmware.Resource{
		&firmware.Carveout{DeviceAddress: uint32(base), PhysAddress: firmware.AddrAny, Length: uint32(c.Size), Name: "firmware"},
	}}
	if c.TraceSize > 0 {
		table.Entries = append(table.Entries,
			&firmware.Trace{DeviceAddress: uint32(base) + codeSize + tableSize, Length: uint32(c.TraceSize), Name: "trace0"})
	}
	table.Entries = append(table.Entries, &firmware.Vdev{
		ID: firmware.VirtioRPMsg, Features: firmware.RPMsgFeatureNS,
		Vrings: []firmware.Vring{
			{DeviceAddress: firmware.AddrAny, Align: 4096, Num: ringSize, NotifyID: 0},
			{DeviceAddress: firmware.AddrAny, Align: 4096, Num: ringSize, NotifyID: 1},
		},
	})
	code := make([]byte, codeSize)
	copy(code, "offload-sim: this processor runs Go\n")
	b := firmware.Builder{
		Class: c.Class, Machine: c.Machine, Entry: base, Table: table, TableAddress: base + codeSize,
		Segments: []firmware.Segment{{Address: base, Data: code}},
		Notes: []firmware.Note{
			{Owner: noteOwner, Type: noteProgram, Data: []byte(c.Program)},
			{Owner: noteOwner, Type: noteName, Data: []byte(c.Name)},
		},
	}
	return b.Build()
}
