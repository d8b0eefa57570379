// SPDX-License-Identifier: Apache-2.0

// Package firmware holds the tests of the firmware that runs on the emulated boards' cores. The firmware is C, in src/, on
// the kit in firmware/kit; the contract with Linux is in test/qemu/README.md.
//
//	go run ./test/qemu/cmd/board test -m dsp,r5f ./test/qemu/firmware -v
//
// Here only Linux' interfaces are between test and firmware: remoteproc, rpmsg endpoints, the wire. The buffers the
// functions work on lie in the carveout "msmc", which every core has in its windows, at an address of its own.
//
// # Lifetime and concurrency
//
// There is no Go code to use.
//
// # Kernel requirements
//
// An emulated board; elsewhere the tests are skipped.
package firmware
