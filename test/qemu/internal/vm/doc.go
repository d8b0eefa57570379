// SPDX-License-Identifier: Apache-2.0

// Package vm boots an emulated board for one job and says how it went.
//
// # Lifetime
//
// Run starts one QEMU and returns after it has ended: by itself, because its time was up, or because the context was
// cancelled. QEMU is a process group of its own, killed as one, and dies with the process that started it.
//
// # Concurrency
//
// Run may be called from many goroutines, each with its own directory.
//
// # Kernel requirements
//
// A host with qemu-system-aarch64. KVM is not used.
package vm
