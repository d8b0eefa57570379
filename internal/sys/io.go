// SPDX-License-Identifier: Apache-2.0

package sys

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Pagesize is the size of a page of this machine.
func Pagesize() int { return unix.Getpagesize() }

// PageAlign rounds size up to whole pages. It does not overflow: what cannot be rounded comes back negative.
func PageAlign(size int64) int64 {
	mask := int64(unix.Getpagesize() - 1)
	return (size + mask) &^ mask
}

// SeekEnd is lseek(SEEK_END, 0): the size of a file or DMA-BUF.
func (f *FD) SeekEnd() (int64, error) {
	var size int64
	err := f.Borrow(func(raw int) (err error) {
		size, err = unix.Seek(raw, 0, unix.SEEK_END)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("size of %s: %w", f.name, err)
	}
	return size, nil
}

// Inode is the inode number of the open file.
func (f *FD) Inode() (uint64, error) {
	var st unix.Stat_t
	err := f.Borrow(func(raw int) error { return again(func() error { return unix.Fstat(raw, &st) }) })
	if err != nil {
		return 0, fmt.Errorf("inode of %s: %w", f.name, err)
	}
	return st.Ino, nil
}

// Read is one read(2). A message of no bytes is 0, nil, not io.EOF.
func (f *FD) Read(p []byte) (int, error) {
	return f.transfer("reading", p, unix.Read)
}

// Write is one write(2).
func (f *FD) Write(p []byte) (int, error) {
	return f.transfer("writing", p, unix.Write)
}

func (f *FD) transfer(verb string, p []byte, call func(int, []byte) (int, error)) (int, error) {
	var n int
	err := f.Borrow(func(raw int) error {
		return again(func() (err error) { n, err = call(raw, p); return })
	})
	if err != nil {
		return 0, fmt.Errorf("%s %s: %w", verb, f.name, err)
	}
	return n, nil
}

// ReadAt reads len(p) bytes at off; fewer are io.EOF.
func (f *FD) ReadAt(p []byte, off int64) (int, error) {
	done := 0
	for done < len(p) {
		var n int
		err := f.Borrow(func(raw int) error {
			return again(func() (err error) { n, err = unix.Pread(raw, p[done:], off+int64(done)); return })
		})
		if err != nil {
			return done, fmt.Errorf("reading %d bytes of %s at %d: %w", len(p), f.name, off, err)
		}
		if n == 0 {
			return done, io.EOF
		}
		done += n
	}
	return done, nil
}

// WriteAt writes p at off.
func (f *FD) WriteAt(p []byte, off int64) (int, error) {
	done := 0
	for done < len(p) {
		var n int
		err := f.Borrow(func(raw int) error {
			return again(func() (err error) { n, err = unix.Pwrite(raw, p[done:], off+int64(done)); return })
		})
		if err != nil {
			return done, fmt.Errorf("writing %d bytes of %s at %d: %w", len(p), f.name, off, err)
		}
		done += n
	}
	return done, nil
}

// WriteOnce writes data to an existing file with one write(2), as attributes of sysfs want it: the driver acts inside
// the call, and its errno is the answer. A missing file is fs.ErrNotExist and is not created.
func WriteOnce(path string, data []byte) (err error) {
	f, err := Open(path, os.O_WRONLY)
	if err != nil {
		return err
	}
	defer func() {
		if e := f.Close(); err == nil {
			err = e
		}
	}()
	n, err := f.Write(data)
	if err == nil && n != len(data) {
		err = fmt.Errorf("writing %s: %d of %d bytes: %w", path, n, len(data), io.ErrShortWrite)
	}
	return err
}
