// SPDX-License-Identifier: Apache-2.0

// Package filter is an example of a remote interface: filter.go describes it, offload gen makes filter_offload.go and the C
// side in firmware/ of it, and firmware/filter.c is what a firmware engineer adds.
//
//	offload gen --c firmware filter.go
//
// # Lifetime and concurrency
//
// A client lives as long as its session and may be used by several goroutines.
//
// # Kernel requirements
//
// Those of package runtime.
package filter
