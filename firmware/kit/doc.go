// SPDX-License-Identifier: Apache-2.0

// Package kit holds the tests of the firmware kit, which is C: the remote side of docs/protocol.md for firmware.
// README.md says how to use it.
//
// The tests build the kit with gcc under the address and undefined-behaviour sanitizers, run its own tests and its
// fuzzing, and compare its function set with internal/functions through the program in host/.
//
// # Lifetime and concurrency
//
// There is no Go code to use.
//
// # Kernel requirements
//
// None. gcc and make are needed; the tests for Cortex-M4, ARMv7-R and aarch64 need Debian's gcc-arm-none-eabi and
// gcc-aarch64-linux-gnu.
package kit
