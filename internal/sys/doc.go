// SPDX-License-Identifier: Apache-2.0

// Package sys issues the system calls of this module, and nobody else does. It knows descriptors, mappings and attribute
// writes, not what they are for.
//
// # Lifetime
//
// An [FD] has one owner, which closes it. Mappings are plain slices that go back to [Munmap] whole. The garbage collector
// closes nothing; with a [Tracker] installed, as the tests of every package do, it reports what was dropped open.
//
// # Concurrency
//
// Methods of FD may be called from several goroutines. Close waits for the calls that are under way, so that none of
// them meets a descriptor number that was given out again.
//
// # Errors
//
// A system call's error is an errno ([syscall.Errno]) with the operation and the object in front of it. Calls that fail
// with EINTR are repeated.
package sys
