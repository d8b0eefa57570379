// SPDX-License-Identifier: Apache-2.0

package machine

import "fmt"

// Emulator is the QEMU that has all the boards.
const Emulator = "qemu-system-aarch64"

// Hardware returns the QEMU arguments that make the machine what it is; the device tree depends on them.
func (m Machine) Hardware() []string {
	args := []string{"-M", m.Type, "-smp", fmt.Sprint(m.SMP), "-m", m.Memory}
	if m.CPU != "" {
		args = append(args, "-cpu", m.CPU)
	}
	return args
}

// DumpDTB returns the arguments with which QEMU writes its own device tree to a file and ends.
func (m Machine) DumpDTB(path string) []string {
	args := m.Hardware()
	args[1] += ",dumpdtb=" + path
	return args
}
