// SPDX-License-Identifier: Apache-2.0

// Package contract is the test suite that every runtime.Board must pass: the simulated board, the emulated ones and real
// ones. It sees a board only through package runtime, so that a promise which holds on one board is checked on all.
//
// The firmware must have the function set of docs/protocol.md section 7. What a board cannot do is said in its Target; the
// suite skips nothing else.
package contract
