// SPDX-License-Identifier: Apache-2.0

package firmware

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/offload-runtime/offload/internal/sysfs"
)

// Coredump is the memory of a crashed processor: an ELF core file that the kernel keeps until it is released, for five
// minutes at most (DEVCD_TIMEOUT in include/linux/devcoredump.h). There is at most one for a device; a further crash is
// not dumped until then.
type Coredump struct {
	Name   string // "devcd1"
	Device string // "remoteproc0"

	dir sysfs.Dir
}

// FindCoredump returns the core dump of a device below a sysfs root, usually "/sys". Without one the error wraps
// fs.ErrNotExist.
func FindCoredump(sysroot, device string) (*Coredump, error) {
	if device == "" {
		return nil, fmt.Errorf("core dump of no device: %w", fs.ErrInvalid)
	}
	class, err := sysfs.Dir{Root: sysroot}.Sub("class/devcoredump")
	if err != nil {
		return nil, fmt.Errorf("core dump of %s: %w", device, err)
	}
	names, err := class.List(".")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("core dump of %s: %w", device, err)
	}
	for _, name := range names {
		if !strings.HasPrefix(name, "devcd") {
			continue
		}
		// Readlink is enough, and unlike Resolve it works when the device has gone meanwhile.
		link, err := class.Readlink(name + "/failing_device")
		if err != nil || filepath.Base(link) != device {
			continue
		}
		dir, err := class.Sub(name)
		if err != nil {
			return nil, fmt.Errorf("core dump of %s: %w", device, err)
		}
		return &Coredump{Name: name, Device: device, dir: dir}, nil
	}
	return nil, fmt.Errorf("core dump of %s: none (the mode may be %q, or it is not written yet): %w", device, CoredumpDisabled, fs.ErrNotExist)
}

// WaitCoredump waits until there is a core dump. The kernel makes it while it recovers the processor.
func WaitCoredump(ctx context.Context, sysroot, device string) (*Coredump, error) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for delay := pollFirst; ; delay = min(2*delay, pollLast) {
		dump, err := FindCoredump(sysroot, device)
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return dump, err
		}
		timer.Reset(delay)
		select {
		case <-timer.C:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", err, ctx.Err())
		}
	}
}

// WriteTo copies the dump to w. It may be done again until Release.
func (c *Coredump) WriteTo(w io.Writer) (n int64, err error) {
	path, err := c.dir.Path("data")
	if err != nil {
		return 0, fmt.Errorf("core dump %s: %w", c.Name, err)
	}
	f, err := os.Open(path)
	if err != nil {
		return 0, fmt.Errorf("core dump %s: %w", c.Name, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	n, err = io.Copy(w, f)
	if err != nil {
		return n, fmt.Errorf("core dump %s after %d bytes: %w", c.Name, n, err)
	}
	return n, nil
}

// Release lets the kernel free the dump. A dump that is gone already is no error.
func (c *Coredump) Release() error {
	if err := c.dir.WriteAttr("data", "1"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("releasing core dump %s: %w", c.Name, err)
	}
	return nil
}
