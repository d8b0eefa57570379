// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/offload-runtime/offload/firmware"
	"github.com/offload-runtime/offload/runtime"
)

type findingJSON struct {
	Severity string `json:"severity"`
	Code     string `json:"code"`
	Message  string `json:"message"`
	Fix      string `json:"fix,omitempty"`
}

type segmentJSON struct {
	Address  string `json:"address"`
	MemSize  uint64 `json:"mem_size"`
	FileSize uint64 `json:"file_size"`
}

type imageJSON struct {
	File     string        `json:"file"`
	Good     bool          `json:"good"`
	Class    string        `json:"class,omitempty"`
	Machine  string        `json:"machine,omitempty"`
	Entry    string        `json:"entry,omitempty"`
	Segments []segmentJSON `json:"segments"`
	Findings []findingJSON `json:"findings"`
}

func (c *cli) firmwareCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "firmware", Short: "Look at firmware files", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var machine, name string
	var bits int
	var rpmsg bool
	check := &cobra.Command{
		Use:   "check FILE",
		Short: "Say what the kernel or a processor would stumble over in a firmware file",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			want := firmware.Requirements{AddressBits: bits, NeedRPMsg: rpmsg}
			if bits < 0 || bits > 64 {
				return usagef("--address-bits %d: 1 to 64", bits)
			}
			if machine != "" {
				m, err := firmware.ParseMachine(machine)
				if err != nil {
					return usagef("--machine: %w", err)
				}
				want.Machines = []firmware.Machine{m}
			}
			if name != "" && (machine != "" || bits != 0) {
				return usagef("--processor says machine and address bits by itself")
			}
			if name != "" {
				err := c.withProcessor(cmd.Context(), name, func(_ runtime.Board, p runtime.Processor) error {
					want = requirements(p.Info())
					return nil
				})
				if err != nil {
					return err
				}
			}
			return c.checkFirmware(args[0], want)
		},
	}
	f := check.Flags()
	f.StringVar(&name, "processor", "", "check against what this processor of the board needs")
	f.StringVar(&machine, "machine", "", "the file must be for this machine, such as ti-c6000 or arm")
	f.IntVar(&bits, "address-bits", 0, "width of the processor's addresses")
	f.BoolVar(&rpmsg, "rpmsg", false, "the file must declare an RPMsg device")
	cmd.AddCommand(check)
	return cmd
}

func (c *cli) checkFirmware(path string, want firmware.Requirements) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	img, findings := firmware.CheckFile(b, want)
	row := imageJSON{File: path, Good: findings.Err() == nil, Segments: []segmentJSON{}, Findings: []findingJSON{}}
	if img != nil {
		row.Class, row.Machine, row.Entry = img.Class.String(), img.Machine.String(), fmt.Sprintf("%#x", img.Entry)
		for _, s := range img.Segments {
			row.Segments = append(row.Segments, segmentJSON{fmt.Sprintf("%#x", s.Address), s.MemSize, s.FileSize()})
		}
	}
	for _, f := range findings {
		row.Findings = append(row.Findings, findingJSON{f.Severity.String(), string(f.Code), clean(f.Message), clean(f.Fix)})
	}
	if c.json {
		err = c.encode(row)
	} else {
		c.showImage(row)
	}
	if err != nil {
		return err
	}
	if !row.Good {
		return fmt.Errorf("%s: %w", path, firmware.ErrBadImage)
	}
	return nil
}

func (c *cli) showImage(r imageJSON) {
	if r.Class != "" {
		c.printf("%s: %s for %s, entry %s\n", clean(r.File), r.Class, r.Machine, r.Entry)
		t := newTable("  SEGMENT", ">IN MEMORY", ">IN FILE")
		for _, s := range r.Segments {
			t.add("  "+s.Address, grouped(s.MemSize), grouped(s.FileSize))
		}
		t.print(c.stdout, "")
	}
	for _, f := range r.Findings {
		c.printf("%s: %s (%s)\n", f.Severity, f.Message, f.Code)
		if f.Fix != "" {
			c.printf("    %s\n", f.Fix)
		}
	}
	if r.Good {
		c.printf("nothing that the kernel or the processor would stumble over\n")
	}
}
