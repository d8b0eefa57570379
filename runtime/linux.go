// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/offload-runtime/offload/dmabuf"
	"github.com/offload-runtime/offload/firmware"
	"github.com/offload-runtime/offload/profile"
)

// LinuxConfig says where the devices of a Linux kernel are. The zero value is this machine.
type LinuxConfig struct {
	SysRoot string // instead of /sys
	DevRoot string // instead of /dev
	ProcFS  string // instead of /proc
	// Profile describes the board. nil: the built-in one for the device tree's compatible strings, and over it the board files
	// of ProfileDir and ProfileFile (profile.LoadAll). Where there is none of them, what the kernel tells.
	Profile     *profile.Profile
	ProfileDir  string // instead of /etc/offload; "-" is none
	ProfileFile string
	// FirmwareDir is where Install puts firmware. "" is the first directory that the kernel searches: firmware_class.path if
	// set, else /lib/firmware.
	FirmwareDir string
	// Spin is how long a receiver asks again and again before it sleeps; see rpmsg.Endpoint. 0 is off.
	Spin time.Duration
}

// linux is the Board of the Linux kernel's devices.
type linux struct {
	c       LinuxConfig
	profile *profile.Profile // not nil; empty where nothing is known
	name    string

	processors []Processor
	closers    []interface{ Close() error }

	mu    sync.Mutex
	heaps map[string]*dmabuf.Heap // open ones
}

// OpenLinux opens the board of a Linux kernel. A kernel without heaps or without remote processors is a board that lacks
// them; the errors come when they are used.
func OpenLinux(ctx context.Context, c LinuxConfig) (b Board, err error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("opening the board: %w", err)
	}
	if c.SysRoot == "" {
		c.SysRoot = "/sys"
	}
	if c.DevRoot == "" {
		c.DevRoot = "/dev"
	}
	if c.ProcFS == "" {
		c.ProcFS = "/proc"
	}
	l := &linux{c: c, profile: c.Profile, heaps: map[string]*dmabuf.Heap{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.Close())
		}
	}()
	model, compatible := deviceTree(c.SysRoot)
	if l.profile == nil {
		switch l.c.ProfileDir {
		case "":
			l.c.ProfileDir = profile.Dir
		case "-":
			l.c.ProfileDir = ""
		}
		if l.profile, err = profile.LoadAll(compatible, l.c.ProfileDir, l.c.ProfileFile); err != nil {
			return nil, fmt.Errorf("opening the board: %w", err)
		}
	}
	if l.name = l.profile.Name; l.name == "" {
		l.name = model
	}
	if l.name == "" {
		l.name = "linux"
	}
	if l.c.FirmwareDir == "" {
		l.c.FirmwareDir = firmwareDir(c.SysRoot)
	}
	list, err := firmware.List(c.SysRoot)
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if err != nil {
		return nil, fmt.Errorf("opening the board: %w", err)
	}
	for _, r := range list {
		p, err := l.open(r)
		if err != nil {
			return nil, fmt.Errorf("opening the board: processor %v: %w", r, err)
		}
		l.processors = append(l.processors, p)
	}
	return l, nil
}

// deviceTree reads what the machine is. A machine without device tree is nothing special.
func deviceTree(sysRoot string) (model string, compatible []string) {
	base := filepath.Join(sysRoot, "firmware/devicetree/base")
	read := func(name string) []string {
		b, err := os.ReadFile(filepath.Join(base, name))
		if err != nil {
			return nil
		}
		return strings.FieldsFunc(string(b), func(r rune) bool { return r == 0 })
	}
	if m := read("model"); len(m) > 0 {
		model = printable([]byte(m[0]))
	}
	return model, read("compatible")
}

// firmwareDir is the first directory of fw_path in drivers/base/firmware_loader/main.c.
func firmwareDir(sysRoot string) string {
	if b, err := os.ReadFile(filepath.Join(sysRoot, "module/firmware_class/parameters/path")); err == nil {
		if p := strings.TrimSpace(string(b)); p != "" {
			return p
		}
	}
	return "/lib/firmware"
}

func (l *linux) Name() string { return l.name }

func (l *linux) Processors() ([]Processor, error) {
	return append([]Processor(nil), l.processors...), nil
}

// Close closes the heaps and the translators' nodes. Buffers that are open stay usable.
func (l *linux) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	for _, h := range l.heaps {
		errs = append(errs, h.Close())
	}
	l.heaps = nil
	for i := len(l.closers) - 1; i >= 0; i-- {
		errs = append(errs, l.closers[i].Close())
	}
	l.closers = nil
	return errors.Join(errs...)
}
