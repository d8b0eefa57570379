// SPDX-License-Identifier: Apache-2.0

package firmware

import (
	"fmt"
	"slices"
	"strings"
)

// Class is the word size of an ELF file, e_ident[EI_CLASS].
type Class uint8

const (
	Class32 Class = 1
	Class64 Class = 2
)

func (c Class) String() string {
	switch c {
	case Class32:
		return "ELF32"
	case Class64:
		return "ELF64"
	}
	return fmt.Sprintf("ELF class %d", uint8(c))
}

// Machine is the instruction set of an ELF file, e_machine. Any value is allowed; the constants are those of processors
// that remoteproc drivers start.
type Machine uint16

const (
	MachineNone       Machine = 0
	MachineX86        Machine = 3
	MachineARM        Machine = 40 // Cortex-R and -M
	MachineX86_64     Machine = 62
	MachineXtensa     Machine = 94 // audio DSPs: HiFi
	MachineTIC6000    Machine = 140
	MachineTIC2000    Machine = 141
	MachineTIC5500    Machine = 142
	MachineTIARP32    Machine = 143 // EVE
	MachineTIPRU      Machine = 144
	MachineHexagon    Machine = 164
	MachineAArch64    Machine = 183
	MachineMicroBlaze Machine = 189
	MachineRISCV      Machine = 243
)

type machineName struct {
	machine Machine
	name    string
}

// machineNames is a function so that the package has no state.
func machineNames() []machineName {
	return []machineName{
		{MachineNone, "none"},
		{MachineX86, "x86"},
		{MachineARM, "arm"},
		{MachineX86_64, "x86-64"},
		{MachineXtensa, "xtensa"},
		{MachineTIC6000, "ti-c6000"},
		{MachineTIC2000, "ti-c2000"},
		{MachineTIC5500, "ti-c5500"},
		{MachineTIARP32, "ti-arp32"},
		{MachineTIPRU, "ti-pru"},
		{MachineHexagon, "hexagon"},
		{MachineAArch64, "aarch64"},
		{MachineMicroBlaze, "microblaze"},
		{MachineRISCV, "riscv"},
	}
}

func (m Machine) String() string {
	for _, n := range machineNames() {
		if n.machine == m {
			return n.name
		}
	}
	return fmt.Sprintf("machine(%d)", uint16(m))
}

// ParseMachine is the inverse of String, for profiles and command lines. It also takes a number.
func ParseMachine(s string) (Machine, error) {
	var known []string
	for _, n := range machineNames() {
		if n.name == s {
			return n.machine, nil
		}
		known = append(known, n.name)
	}
	var v uint16
	if _, err := fmt.Sscanf(s, "machine(%d)", &v); err == nil && Machine(v).String() == s {
		return Machine(v), nil
	}
	if _, err := fmt.Sscanf(s, "%d", &v); err == nil && fmt.Sprint(v) == s {
		return Machine(v), nil
	}
	slices.Sort(known)
	return 0, fmt.Errorf("unknown ELF machine %q: use the e_machine number or one of %s", s, strings.Join(known, ", "))
}
