// SPDX-License-Identifier: Apache-2.0

// Package peak holds the code of docs/first-remote-function.md: its tests compile the C code of that page with the kit and
// call it, and run its Go code.
//
// # Lifetime and concurrency
//
// There is no Go code to use.
//
// # Kernel requirements
//
// Those of package sim, and gcc for the C code.
package peak
