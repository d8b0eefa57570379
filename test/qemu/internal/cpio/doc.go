// SPDX-License-Identifier: Apache-2.0

// Package cpio writes archives in the "newc" format, which is what the kernel unpacks as an initramfs.
//
// The kernel accepts several archives one after the other in one file: a base that is the same for every boot, and one
// with what this boot is about.
//
// # Concurrency
//
// A Writer is for one goroutine.
package cpio
