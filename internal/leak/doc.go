// SPDX-License-Identifier: Apache-2.0

// Package leak fails a test binary, or a test, that leaves file descriptors, mappings or goroutines behind.
//
// Every package of this module has
//
//	func TestMain(m *testing.M) { leak.Main(m) }
//
// Descriptors are compared by /proc/self/fd, so those that did not come from package sys count too; mappings are those
// that package sys made. Both are reported with the stack that made them where package sys did. Goroutines are
// compared by their number, which Go does not use twice.
//
// What stops by itself a little later, such as a goroutine on its way out, gets two seconds for it.
//
// # Concurrency
//
// Both entry points look at the whole process: Check does not go together with parallel tests.
//
// # Kernel requirements
//
// /proc.
package leak
