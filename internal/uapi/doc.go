// SPDX-License-Identifier: Apache-2.0

// Package uapi holds the numbers and structures of the kernel's user space interface: one file for each kernel header.
//
// It contains no code that runs and issues no system calls; package sys does. An ioctl number is typed by the structure
// that its argument points to, so that a wrong structure does not compile. The numbers are literals, because a literal can
// be searched for in the output of strace; a test derives them again from the _IOC arithmetic and the sizes of the
// structures. They are those of asm-generic/ioctl.h: arm, arm64, riscv64 and amd64 share them.
//
// Padding is spelled out and sizes are asserted at compile time on every architecture.
package uapi
