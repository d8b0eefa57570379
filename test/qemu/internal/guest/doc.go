// SPDX-License-Identifier: Apache-2.0

// Package guest is what the host and the first process in the guest say to each other: one Job goes in with the
// initramfs, Reports come out as lines of JSON through a virtio port.
//
// # Concurrency
//
// Plain data.
package guest
