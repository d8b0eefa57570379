// SPDX-License-Identifier: Apache-2.0

// Package boardtest holds the tests of the emulated boards themselves: that processors start, answer, crash and come
// back, and that the shadow heap shows exactly the mistakes it is for. They use nothing of the library above
// internal/sys, so that a board that is broken is not mistaken for a library that is.
//
// They run in a guest: go run ./test/qemu/cmd/board test -m dsp,r5f ./test/qemu/boardtest
package boardtest
