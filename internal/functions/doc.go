// SPDX-License-Identifier: Apache-2.0

// Package functions is the function set of the demonstration firmware (docs/protocol.md section 7) on plain byte slices.
//
// It is the reference: every other implementation must give the same bytes for the same input. All data is little-endian
// and all arithmetic is on integers. testdata/golden.tsv holds checksums of results for inputs that a few lines of any
// language can make, so that an implementation elsewhere can be compared without running Go.
//
// A function that says no returns an [*Error] with the code that goes over the wire, and has written nothing.
//
// # Lifetime and concurrency
//
// Functions keep nothing. They may run concurrently on slices that do not overlap.
//
// # Kernel requirements
//
// None.
package functions
