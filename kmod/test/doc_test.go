// SPDX-License-Identifier: Apache-2.0

// Package kmod_test has the tests of the kernel modules in kmod/. They need a kernel with the modules loaded and a remote
// processor: test/qemu has such machines.
//
//	go run ./test/qemu/cmd/board test -m dsp,dsp-coherent,dsp-big,r5f ./kmod/test
//
// # Kernel requirements
//
// offload_attach and carveout_heap, /dev/udmabuf, remoteproc, and root.
package kmod_test
