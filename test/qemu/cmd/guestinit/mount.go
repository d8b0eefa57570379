// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/offload-runtime/offload/test/qemu/internal/guest"
)

func mountKernel() error {
	mounts := []struct{ source, target, fstype, data string }{
		{"proc", "/proc", "proc", ""},
		{"sysfs", "/sys", "sysfs", ""},
		{"devtmpfs", "/dev", "devtmpfs", ""},
		{"devpts", "/dev/pts", "devpts", ""},
		{"tmpfs", "/dev/shm", "tmpfs", "mode=1777"},
		{"debugfs", "/sys/kernel/debug", "debugfs", ""},
		{"configfs", "/sys/kernel/config", "configfs", ""},
		{"tmpfs", "/tmp", "tmpfs", "mode=1777"},
		{"tmpfs", "/run", "tmpfs", "mode=755"},
	}
	for _, m := range mounts {
		if err := mount(m.source, m.target, m.fstype, 0, m.data); err != nil {
			return err
		}
	}
	return loopbackUp()
}

// mountShares mounts what the host shares.
func mountShares(job *guest.Job) error {
	const options = "trans=virtio,version=9p2000.L,msize=262144,cache=loose"
	if job.Source != "" {
		if err := mount(guest.SourceTag, job.Source, "9p", unix.MS_RDONLY, options); err != nil {
			return err
		}
	}
	if job.Out {
		return mount(guest.OutTag, guest.OutDir, "9p", 0, strings.Replace(options, "cache=loose", "cache=none", 1))
	}
	return nil
}

func mount(source, target, fstype string, flags uintptr, data string) error {
	if err := os.MkdirAll(target, 0o755); err != nil {
		return err
	}
	if err := unix.Mount(source, target, fstype, flags, data); err != nil {
		return fmt.Errorf("mounting %s on %s: %w", fstype, target, err)
	}
	return nil
}

// openPort opens the virtio port that the host gave a name.
func openPort(name string) (*os.File, error) {
	paths, err := filepath.Glob("/sys/class/virtio-ports/*/name")
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		if text, err := os.ReadFile(path); err == nil && strings.TrimSpace(string(text)) == name {
			dev := filepath.Join("/dev", filepath.Base(filepath.Dir(path)))
			// Blocking, not through Go's poller: a child gets the same open file.
			fd, err := unix.Open(dev, unix.O_RDWR|unix.O_CLOEXEC, 0)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", dev, err)
			}
			return os.NewFile(uintptr(fd), dev), nil
		}
	}
	return nil, fmt.Errorf("no virtio port %q among %d", name, len(paths))
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	ifr, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	ifr.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, ifr); err != nil {
		return fmt.Errorf("bringing lo up: %w", err)
	}
	return nil
}
