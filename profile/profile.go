// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"fmt"
	"slices"

	"github.com/offload-runtime/offload/bufmap"
)

// Profile is one board.
type Profile struct {
	Name       string      `toml:"name"`
	Compatible []string    `toml:"compatible"` // of the device tree's root
	Heaps      []Heap      `toml:"heap"`
	Processors []Processor `toml:"processor"`
	Pools      []Pool      `toml:"pool"`
	Quotas     []Quota     `toml:"quota"`

	// Origin is the file that the profile came from, "built-in:NAME" for those of this package; of several files the last.
	Origin string `toml:"-"`

	origins map[string]Place // by the keys of Values
}

// Heap is what is known of a heap beside what the kernel tells.
type Heap struct {
	Name       string   `toml:"name"`
	Names      []string `toml:"names"`   // other names that kernels have given it
	Aliases    []string `toml:"aliases"` // names that programs use
	Contiguous bool     `toml:"contiguous"`
	Cached     bool     `toml:"cached"`   // the CPU mapping
	Unmapped   bool     `toml:"unmapped"` // the CPU cannot map its buffers
	Stale      bool     `toml:"stale"`    // new buffers are not zeroed
	OnChip     bool     `toml:"on_chip"`
	Regions    []Region `toml:"region"` // where its memory lies; without them addresses are not checked
}

// Is tells whether the kernel's heap of that name is this one.
func (h *Heap) Is(name string) bool { return h.Name == name || slices.Contains(h.Names, name) }

// Region is a range of physical addresses.
type Region struct {
	Phys uint64 `toml:"phys"`
	Size uint64 `toml:"size"`
}

// Processor is what is known of a processor beside what the kernel tells.
type Processor struct {
	Name        string   `toml:"name"`
	Device      string   `toml:"device"`  // platform device such as "64800000.dsp", or the remoteproc's attribute "name"
	Devices     []string `toml:"devices"` // other names that kernels have given it
	Machine     string   `toml:"machine"`
	AddressBits int      `toml:"address_bits"` // 1 to 64; 0 is 32
	CacheLine   int      `toml:"cache_line"`   // bytes; 0 is 128
	Coherent    *bool    `toml:"coherent"`     // sees the CPU's caches; without it the device tree decides
	// MMU says that the processor sees memory through an MMU that its firmware programs: without windows nothing is known.
	MMU     bool     `toml:"mmu"`
	Windows []Window `toml:"window"`
}

// Is tells whether one of the kernel's names for a remote processor means this one.
func (p *Processor) Is(names ...string) bool {
	for _, n := range names {
		if n != "" && (n == p.Device || slices.Contains(p.Devices, n)) {
			return true
		}
	}
	return false
}

// Window is a range of physical addresses that the processor sees elsewhere.
type Window struct {
	Name   string `toml:"name"`
	Phys   uint64 `toml:"phys"`
	Device uint64 `toml:"device"`
	Size   uint64 `toml:"size"`
}

// Pool is a number of buffers of one size that are reserved when the runtime starts.
type Pool struct {
	Heap  string `toml:"heap"` // name or alias
	Size  int64  `toml:"size"` // bytes of a buffer
	Count int    `toml:"count"`
}

// Quota limits what is allocated at a time. 0 is no limit.
type Quota struct {
	Label   string `toml:"label"` // of the buffers; "" is all of the runtime's
	Heap    string `toml:"heap"`  // name or alias; "" is all heaps
	Bytes   int64  `toml:"bytes"`
	Buffers int    `toml:"buffers"`
}

// AddressMap returns the windows in the form that package bufmap works with. A processor without windows sees physical
// addresses, or, behind an MMU, nothing.
func (p *Processor) AddressMap() (bufmap.Windows, error) {
	if len(p.Windows) == 0 && !p.MMU {
		return bufmap.Identity(p.AddressBits)
	}
	list := make([]bufmap.Window, len(p.Windows))
	for i, w := range p.Windows {
		list[i] = bufmap.Window{Name: w.Name, Phys: bufmap.PhysAddr(w.Phys), Device: bufmap.DeviceAddr(w.Device), Size: w.Size}
	}
	return bufmap.NewWindows(p.AddressBits, list...)
}

// Regions returns where the heaps lie, for bufmap.NewKnown and bufmap.NewStatic, under every name that a kernel may give.
func (p *Profile) Regions() []bufmap.Region {
	var list []bufmap.Region
	for _, h := range p.Heaps {
		for _, name := range append([]string{h.Name}, h.Names...) {
			for _, r := range h.Regions {
				list = append(list, bufmap.Region{Heap: name, Phys: bufmap.PhysAddr(r.Phys), Size: r.Size, Uncached: !h.Cached})
			}
		}
	}
	return list
}

// The keys of entries: files that are laid over each other mean the same entry where these are equal.

func (h Heap) key() string      { return h.Name }
func (p Processor) key() string { return p.Name }
func (p Pool) key() string      { return fmt.Sprintf("%s, %#x", p.Heap, p.Size) }
func (q Quota) key() string     { return fmt.Sprintf("%s, %s", q.Label, q.Heap) }
