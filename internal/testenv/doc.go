// SPDX-License-Identifier: Apache-2.0

// Package testenv says what a test needs from the machine, and skips it with the exact thing that is missing.
//
// Where the thing is supposed to be there, as in the virtual machine, a skip would hide that nothing was tested: with
// OFFLOAD_REQUIRE=1 every missing thing is a failure, with a list such as OFFLOAD_REQUIRE=dma_heap,rproc those are.
// The words are dma_heap, rproc, rpmsg, udmabuf, dma_buf_phys, root, user, and for all else the last element of the path or the
// name of the command.
//
// The functions belong to the goroutine of the test, as testing.TB.FailNow does. They have no state.
//
// # Kernel requirements
//
// None; absence is what the package is for.
package testenv
