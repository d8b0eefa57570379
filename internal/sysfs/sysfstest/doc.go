// SPDX-License-Identifier: Apache-2.0

// Package sysfstest builds fixture trees that look like /sys and /dev: real files and real links in a directory of the
// test, which removes them.
//
// A fixture shows how things are read and named. It cannot do what a driver does inside write(2), and does not pretend
// to: to have a write fail, make the attribute with [Tree.Full] or [Tree.ReadOnly]; to have one do something, make it a
// FIFO with [Tree.Node] and answer in the test.
//
// A [Tree] belongs to the goroutine of its test. It needs nothing of the kernel.
package sysfstest
