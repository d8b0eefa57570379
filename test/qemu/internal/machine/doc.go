// SPDX-License-Identifier: Apache-2.0

// Package machine describes the emulated boards as data: what QEMU is asked for, and what the device tree gets on top.
//
// # Concurrency
//
// Plain data; the table is made anew by each call.
package machine
