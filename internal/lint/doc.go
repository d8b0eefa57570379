// SPDX-License-Identifier: Apache-2.0

// Package lint holds the house rules that a compiler does not: which room may import which, where unsafe and system calls
// may be, no package state, and how files look. Its test reads every source file of the module; the rules themselves are
// tested on small samples that break them.
//
// To add a room, add it to rooms. To keep a package variable that a rule refuses, add it to allowedState with the reason.
//
// The package has no state and needs nothing of the kernel.
package lint
