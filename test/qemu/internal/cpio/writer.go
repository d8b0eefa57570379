// SPDX-License-Identifier: Apache-2.0

package cpio

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
)

// Mode bits of an entry, as in stat(2).
const (
	typeDir  = 0o040000
	typeFile = 0o100000
	typeLink = 0o120000
	typeChar = 0o020000
)

const trailer = "TRAILER!!!"

// Writer writes one archive. The first error sticks and is returned by Close.
type Writer struct {
	w    *bufio.Writer
	n    int64
	ino  int
	dirs map[string]bool
	err  error
}

// NewWriter starts an archive.
func NewWriter(w io.Writer) *Writer {
	return &Writer{w: bufio.NewWriterSize(w, 1<<16), dirs: make(map[string]bool)}
}

// Dir adds a directory and those above it, once each.
func (w *Writer) Dir(name string) {
	name = clean(name)
	if name == "" || w.dirs[name] {
		return
	}
	w.Dir(path.Dir(name))
	w.dirs[name] = true
	w.header(name, typeDir|0o755, 0, 0, 0)
}

// File adds a regular file and the directories above it.
func (w *Writer) File(name string, mode os.FileMode, data []byte) {
	name = clean(name)
	w.Dir(path.Dir(name))
	w.header(name, typeFile|uint32(mode.Perm()), int64(len(data)), 0, 0)
	w.write(data)
	w.pad()
}

// CopyFile adds a file of the host.
func (w *Writer) CopyFile(name, host string, mode os.FileMode) {
	data, err := os.ReadFile(host)
	if err != nil {
		w.fail(err)
		return
	}
	w.File(name, mode, data)
}

// Link adds a symbolic link.
func (w *Writer) Link(name, target string) {
	name = clean(name)
	w.Dir(path.Dir(name))
	w.header(name, typeLink|0o777, int64(len(target)), 0, 0)
	w.write([]byte(target))
	w.pad()
}

// CharDev adds a character device. The first process has no /dev/console unless the archive has one.
func (w *Writer) CharDev(name string, mode os.FileMode, major, minor uint32) {
	name = clean(name)
	w.Dir(path.Dir(name))
	w.header(name, typeChar|uint32(mode.Perm()), 0, major, minor)
}

// Close ends the archive. It does not close what it was written to.
func (w *Writer) Close() error {
	w.header(trailer, 0, 0, 0, 0)
	// What follows in the same file must start on a 4-byte boundary; the kernel skips zeroes in between.
	for w.n%512 != 0 && w.err == nil {
		w.write([]byte{0})
	}
	return errors.Join(w.err, w.w.Flush())
}

func (w *Writer) header(name string, mode uint32, size int64, major, minor uint32) {
	if size >= 1<<32 {
		w.fail(fmt.Errorf("%s: %d bytes do not fit in a cpio entry", name, size))
		return
	}
	w.ino++
	ino := w.ino
	if name == trailer {
		ino = 0
	}
	// magic, ino, mode, uid, gid, nlink, mtime, filesize, devmajor, devminor, rdevmajor, rdevminor, namesize, check
	h := fmt.Sprintf("070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
		ino, mode, 0, 0, 1, 0, size, 0, 0, major, minor, len(name)+1, 0)
	w.write([]byte(h))
	w.write([]byte(name))
	w.write([]byte{0})
	w.pad()
}

func (w *Writer) pad() {
	for w.n%4 != 0 && w.err == nil {
		w.write([]byte{0})
	}
}

func (w *Writer) write(p []byte) {
	if w.err != nil {
		return
	}
	n, err := w.w.Write(p)
	w.n += int64(n)
	w.fail(err)
}

func (w *Writer) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

// clean makes a name relative to the root of the archive; "" is the root itself.
func clean(name string) string {
	return strings.TrimPrefix(path.Clean("/"+name), "/")
}
