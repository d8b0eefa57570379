// SPDX-License-Identifier: Apache-2.0

package sys

import (
	"fmt"
	"os"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

// FD is an open file descriptor with one owner.
type FD struct {
	name string

	mu      sync.RWMutex // held for reading while a system call uses raw
	raw     int          // -1 once closed
	cleanup runtime.Cleanup
	record  *Record // nil without a tracker
}

// Own takes over a descriptor. The name appears in errors.
func Own(raw int, name string) *FD {
	f := &FD{name: name, raw: raw}
	f.track()
	return f
}

// Open opens a device or file with the access mode given (os.O_RDONLY, os.O_WRONLY, os.O_RDWR). O_CLOEXEC and O_NONBLOCK
// are always set and nothing is ever created.
func Open(path string, mode int) (*FD, error) {
	flags := mode&unix.O_ACCMODE | unix.O_CLOEXEC | unix.O_NONBLOCK | unix.O_NOCTTY
	var raw int
	err := again(func() (err error) { raw, err = unix.Open(path, flags, 0); return })
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	return Own(raw, path), nil
}

// Name is what the descriptor was opened or named as.
func (f *FD) Name() string { return f.name }

// Borrow calls do with the descriptor's number, which stays valid until do returns. It fails with os.ErrClosed.
func (f *FD) Borrow(do func(raw int) error) error {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.raw < 0 {
		return fmt.Errorf("%s: %w", f.name, os.ErrClosed)
	}
	return do(f.raw)
}

// Int is the number of the descriptor, for handing to a system call that only looks at it. It is valid until Close.
func (f *FD) Int() (int, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.raw < 0 {
		return -1, fmt.Errorf("%s: %w", f.name, os.ErrClosed)
	}
	return f.raw, nil
}

// Dup makes a second descriptor of the same open file, with an owner of its own.
func (f *FD) Dup() (*FD, error) {
	dup := -1
	err := f.Borrow(func(raw int) (err error) {
		dup, err = unix.FcntlInt(uintptr(raw), unix.F_DUPFD_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("duplicating %s: %w", f.name, err)
	}
	return Own(dup, f.name), nil
}

// Disown gives the number away: the caller closes it from now on, and f is closed.
func (f *FD) Disown() (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.raw < 0 {
		return -1, fmt.Errorf("%s: %w", f.name, os.ErrClosed)
	}
	raw := f.raw
	f.raw = -1
	f.untrack()
	return raw, nil
}

// Close closes the descriptor after the calls that use it. It is idempotent.
func (f *FD) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.raw < 0 {
		return nil
	}
	raw := f.raw
	f.raw = -1
	f.untrack()
	// Linux frees the number before it can fail: EINTR must not lead to a second close.
	if err := unix.Close(raw); err != nil && err != unix.EINTR {
		return fmt.Errorf("closing %s: %w", f.name, err)
	}
	return nil
}
