// SPDX-License-Identifier: Apache-2.0

// Package build makes everything a boot needs, each part once per state of its sources: the kernel from Debian's source
// package, kernel modules, firmware, device trees and the initramfs.
//
// # Lifetime
//
// Parts live in a cache.Store, under the hash of what they were made from. Builder itself holds nothing open.
//
// # Concurrency
//
// Several builders, also in several processes, may run at once: each part is built by one of them.
//
// # Kernel requirements
//
// A Debian host with the packages of test/qemu/kernel/packages.
package build
