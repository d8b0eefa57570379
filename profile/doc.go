// SPDX-License-Identifier: Apache-2.0

// Package profile describes boards: which heaps they have and what these are good for, which processors, and how each
// processor sees memory. A [Profile] is pure data, read from one TOML format.
//
// Profiles of known boards are built in and are chosen by the compatible strings of the device tree ([Select]). Files of the
// user's own are laid over them ([LoadAll], [Merge]); [Profile.Values] says which value came from where.
//
// A Profile may be read by any number of goroutines. The package keeps no state and needs nothing of the kernel.
//
// # Format
//
//	name = "My board"
//	compatible = ["vendor,board", "vendor,soc"]
//
//	[[heap]]
//	name = "linux,cma"       # or the other names that it has had
//	names = ["reserved", "default-pool"]
//	aliases = ["ddr"]        # what programs ask for
//	contiguous = true
//	cached = true
//
//	[[processor]]
//	name = "dsp0"            # what programs call it
//	device = "64800000.dsp"  # its platform device, or the attribute "name" of its remoteproc
//	machine = "c7000"
//	address_bits = 32
//	cache_line = 128
//	coherent = false
//
//	[[processor.window]]     # without windows the processor sees physical addresses
//	name = "ddr"
//	phys = 0x900000000
//	device = 0xc0000000
//	size = 0x20000000
//
// docs/boards.md has all keys. Unknown keys are errors. Errors name file, line and key.
package profile
