// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/offload-runtime/offload/bufmap"
	"github.com/offload-runtime/offload/runtime"
)

type windowJSON struct {
	Name     string `json:"name"`
	Physical string `json:"physical"`
	Device   string `json:"device"`
	Size     uint64 `json:"size"`
}

type processorJSON struct {
	Name        string       `json:"name"`
	Kernel      string       `json:"kernel"`
	State       string       `json:"state"`
	Firmware    string       `json:"firmware"`
	Machine     string       `json:"machine"`
	Coherent    bool         `json:"coherent"`
	CacheLine   int          `json:"cache_line"`
	AddressBits int          `json:"address_bits"`
	Windows     []windowJSON `json:"windows"`
	Error       string       `json:"error,omitempty"`
}

func (c *cli) lsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "ls [PROCESSOR]",
		Short: "List processors with their state and firmware, or show one with its windows",
		Args:  cobra.MaximumNArgs(1), ValidArgsFunction: c.completeProcessor,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withBoard(cmd.Context(), func(b runtime.Board) error { return c.ls(b, args) })
		},
	}
}

func (c *cli) ls(b runtime.Board, args []string) error {
	list, err := b.Processors()
	if err != nil {
		return err
	}
	if len(args) > 0 {
		p, err := processor(b, args[0])
		if err != nil {
			return err
		}
		list = []runtime.Processor{p}
	}
	rows := []processorJSON{}
	var errs []error
	for _, p := range list {
		row, err := describe(p)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", row.Name, err))
		}
		rows = append(rows, row)
	}
	switch {
	case c.json:
		err = c.encode(map[string]any{"board": b.Name(), "processors": rows})
	case len(args) > 0:
		c.showProcessor(rows[0])
	default:
		t := newTable("PROCESSOR", "STATE", "FIRMWARE", "MACHINE", "ADDRESSES", "CACHES", "KERNEL")
		for _, r := range rows {
			t.add(r.Name, r.State, orDash(r.Firmware), orDash(r.Machine), fmt.Sprintf("%d bits", r.AddressBits), caches(r), r.Kernel)
		}
		t.print(c.stdout, "")
		if len(rows) == 0 {
			c.notef("board %s has no processors", b.Name())
		}
	}
	return errors.Join(append(errs, err)...)
}

// describe says all about a processor that can be said without starting it.
func describe(p runtime.Processor) (processorJSON, error) {
	info := p.Info()
	row := processorJSON{
		Name: info.Name, Kernel: info.Kernel, Machine: info.Machine, Coherent: info.Coherent, CacheLine: info.CacheLine,
		AddressBits: info.Windows.AddressBits(), Windows: []windowJSON{}, State: "?",
	}
	for _, w := range info.Windows.List() {
		row.Windows = append(row.Windows, windowJSON{w.Name, hexa(w.Phys), hexa(w.Device), w.Size})
	}
	state, err := p.Remoteproc().State()
	if err == nil {
		row.State = clean(string(state))
	}
	name, err2 := p.Remoteproc().Firmware()
	if err2 == nil {
		row.Firmware = clean(name)
	}
	if err = errors.Join(err, err2); err != nil {
		row.Error = oneLine(err)
	}
	return row, err
}

func caches(r processorJSON) string {
	if r.Coherent {
		return "coherent"
	}
	return "not coherent"
}

func (c *cli) showProcessor(r processorJSON) {
	for _, line := range [][2]string{
		{"processor", r.Name}, {"kernel", r.Kernel}, {"state", r.State}, {"firmware", orDash(r.Firmware)}, {"machine", orDash(r.Machine)},
		{"caches", fmt.Sprintf("%s, lines of %d bytes", caches(r), r.CacheLine)}, {"addresses", fmt.Sprintf("%d bits", r.AddressBits)},
	} {
		c.printf("%-10s %s\n", line[0], line[1])
	}
	if len(r.Windows) == 0 {
		c.printf("%-10s none: the processor reaches no buffer\n", "windows")
		return
	}
	c.printf("\n")
	t := newTable("WINDOW", "PHYSICAL", "DEVICE", ">SIZE")
	for _, w := range r.Windows {
		t.add(w.Name, w.Physical, w.Device, windowSize(w.Size))
	}
	t.print(c.stdout, "")
}

func windowSize(n uint64) string {
	if n >= 1<<50 {
		return fmt.Sprintf("%#x", n)
	}
	return size(int64(n))
}

type heapJSON struct {
	Name        string   `json:"name"`
	Aliases     []string `json:"aliases"`
	Size        int64    `json:"size"`
	Free        int64    `json:"free"`
	LargestFree int64    `json:"largest_free"`
	Contiguous  bool     `json:"contiguous"`
	Cached      bool     `json:"cached"`
	Mappable    bool     `json:"mappable"`
	Zeroed      bool     `json:"zeroed"`
	OnChip      bool     `json:"on_chip"`
}

func (c *cli) heapsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "heaps",
		Short: "List heaps with what is free in them (in JSON, -1 is unknown)",
		Args:  cobra.NoArgs, ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.withBoard(cmd.Context(), c.heaps) },
	}
}

func (c *cli) heaps(b runtime.Board) error {
	list, err := b.Heaps()
	if err != nil {
		return err
	}
	if c.json {
		rows := []heapJSON{}
		for _, h := range list {
			rows = append(rows, heapJSON{h.Name, append([]string{}, h.Aliases...), h.Size, h.Free, h.LargestFree, h.Contiguous, h.Cached,
				h.Mappable, h.Zeroed, h.OnChip})
		}
		return c.encode(map[string]any{"board": b.Name(), "heaps": rows})
	}
	t := newTable("HEAP", "ALIASES", ">SIZE", ">FREE", ">LARGEST FREE", "CONTIGUOUS", "CACHED", "CPU", "ON CHIP")
	for _, h := range list {
		t.add(h.Name, orDash(strings.Join(h.Aliases, ",")), size(h.Size), size(h.Free), size(h.LargestFree),
			yesNo(h.Contiguous), yesNo(h.Cached), yesNo(h.Mappable), yesNo(h.OnChip))
	}
	t.print(c.stdout, "")
	if len(list) == 0 {
		c.notef("board %s has no heaps", b.Name())
	}
	return nil
}

type addressJSON struct {
	Physical string `json:"physical"`
	Device   string `json:"device"`
}

func addressOf(a runtime.Address) addressJSON { return addressJSON{hexa(a.Phys), hexa(a.Device)} }

// hexa writes addresses with at least 32 bits, so that 0x0c000000 is not read as 0xc0000000. In JSON they are text, because
// its numbers do not hold 64 bits.
func hexa[T bufmap.PhysAddr | bufmap.DeviceAddr](a T) string { return fmt.Sprintf("0x%08x", uint64(a)) }
