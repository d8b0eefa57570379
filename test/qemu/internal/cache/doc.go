// SPDX-License-Identifier: Apache-2.0

// Package cache keeps what takes long to build: kernels, modules, firmware.
//
// An entry is a directory, named by what it is and by the hash of everything it was made from. It appears at once and
// complete (built beside, then renamed), carries a stamp with the checksum of each of its files, and is checked against
// it before use: an entry that someone truncated is built again. Two processes that want the same entry do not build it
// twice: the second waits for the first.
//
// # Lifetime
//
// Entries stay until someone removes them; nothing is lost by removing any or all.
//
// # Concurrency
//
// Safe for concurrent use, also between processes on one machine.
//
// # Kernel requirements
//
// flock(2) on the file system of the cache.
package cache
