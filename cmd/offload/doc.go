// SPDX-License-Identifier: Apache-2.0

// Offload is the command line tool of this module: it shows heaps and processors, starts and stops firmware, calls its
// functions with files as buffers, and measures how long calls take. "offload demo" shows the whole path on a simulated
// board, with no hardware, root or setup.
//
// Data goes to standard output, as text for people or with --json as one JSON value; everything else goes to standard
// error. The exit codes are stable: see exit.go and "offload help exit-codes".
//
// # Lifetime and concurrency
//
// Each command opens a board, does its work and closes it again. A simulated board lives no longer than the command. The
// first interrupt cancels the work in good order, a second one ends the process.
//
// # Environment
//
// OFFLOAD_BOARD is the default of --board, OFFLOAD_PROFILE that of --profile.
//
// # Kernel requirements
//
// None for simulated boards beyond those of package sim; those of package runtime for the board of a Linux kernel.
package main
