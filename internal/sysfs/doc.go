// SPDX-License-Identifier: Apache-2.0

// Package sysfs reads and writes attributes below a root directory: one directory of /sys, or a fixture tree of a test.
//
// # Lifetime and concurrency
//
// A [Dir] is a path. It holds nothing open and may be used from several goroutines.
//
// # Kernel requirements
//
// None of its own. A write is a single write(2) on an attribute that exists, because the driver acts inside of it and
// its errno is the answer.
package sysfs
