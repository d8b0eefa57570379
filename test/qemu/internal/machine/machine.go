// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"fmt"
	"strings"
)

// Machine is one emulated board.
type Machine struct {
	Name    string
	Summary string

	// What QEMU emulates. Memory must be the same for the dump of the device tree and for the run.
	Type   string // -M
	CPU    string // -cpu; empty for the machine's own
	SMP    int
	Memory string   // -m
	Args   []string // more QEMU arguments

	// The device tree: QEMU's own, without Remove, with Overlay (test/qemu/dts) preprocessed with Features.
	Remove   []string
	Overlay  string
	Features []string

	// Kernel names a fragment of the kernel configuration (test/qemu/kernel/config.KERNEL) on top of the usual one. Such a
	// kernel takes minutes to build, so the machine is only used where it is asked for by name.
	Kernel string

	Cmdline []string          // kernel command line, added to the usual one
	Params  map[string]string // module name to its parameters

	Processors []string // names of the remote processors, with firmware offload-NAME.elf
}

// Table returns the machines that are used where none is named.
func Table() []Machine {
	dsp := Machine{
		Name:       "dsp",
		Summary:    "two 64-bit cores behind PSCI with a reset line, not coherent, memory above 4 GiB",
		Type:       "virt,gic-version=3,virtualization=on",
		CPU:        "cortex-a72",
		SMP:        3,
		Memory:     "4G",
		Remove:     []string{"/cpus/cpu-map", "/cpus/cpu@1", "/cpus/cpu@2", "/pcie@10000000", "/fw-cfg@9020000", "/flash@0", "/platform-bus@c000000"},
		Overlay:    "dsp",
		Features:   []string{"EL2_RESET"},
		Cmdline:    []string{"hugepagesz=64K hugepages=16 hugepagesz=2M hugepages=64"},
		Processors: []string{"dsp0", "dsp1"},
	}
	coherent := dsp
	coherent.Name = "dsp-coherent"
	coherent.Summary = "dsp, with a device tree that says dma-coherent"
	coherent.Features = []string{"EL2_RESET", "COHERENT"}

	liar := coherent
	liar.Name = "dsp-liar"
	liar.Summary = "dsp, with a device tree that says dma-coherent and a shadow heap whose memory is not"
	liar.Params = map[string]string{"shadow_heap": "honour_coherent=1"}

	noreset := dsp
	noreset.Name = "dsp-noreset"
	noreset.Summary = "dsp without EL2, so without a reset line: a core that hangs cannot be stopped"
	noreset.Type = "virt,gic-version=3"
	noreset.Features = nil

	big := dsp
	big.Name = "dsp-big"
	big.Summary = "dsp with 7 GiB, and a heap ddr of 3 GiB above 4 GiB"
	big.Memory = "7G"
	big.Features = []string{"EL2_RESET", "DDR"}

	r5f := Machine{
		Name:    "r5f",
		Summary: "a Cortex-R5F with a hardware reset, 32 bit, reaches the low 2 of 2.25 GiB",
		Type:    "xlnx-versal-virt",
		SMP:     4, // QEMU 7.2 has no R5F with fewer
		Memory:  "2304M",
		// UART1 is the R5F's doorbell, not a serial port.
		Args:    []string{"-serial", "null"},
		Remove:  []string{"/uart@ff010000", "/cpus/cpu@1"},
		Overlay: "r5f",
		// More than there is high memory, so that some lie where the R5F reaches them and most do not.
		Cmdline:    []string{"hugepagesz=2M hugepages=160"},
		Processors: []string{"r5f"},
	}
	r5fCoherent := r5f
	r5fCoherent.Name = "r5f-coherent"
	r5fCoherent.Summary = "r5f, with a device tree that says dma-coherent"
	r5fCoherent.Features = []string{"COHERENT"}

	return []Machine{dsp, coherent, liar, noreset, big, r5f, r5fCoherent}
}

// All returns all machines: each of Table, and dsp and r5f with a kernel that watches itself.
func All() []Machine {
	all := Table()
	for _, m := range Table() {
		if m.Name == "dsp" || m.Name == "r5f" {
			m.Name += "-debug"
			m.Summary = strings.TrimSuffix(m.Name, "-debug") + " with a kernel that checks locking, memory and DMA (slow)"
			m.Kernel = "debug"
			all = append(all, m)
		}
	}
	return all
}

// ByName returns the machine of that name.
func ByName(name string) (Machine, error) {
	var names []string
	for _, m := range All() {
		if m.Name == name {
			return m, nil
		}
		names = append(names, m.Name)
	}
	return Machine{}, fmt.Errorf("no machine %q; there are %s", name, strings.Join(names, ", "))
}
