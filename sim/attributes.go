// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"
	"strings"
	"syscall"

	"github.com/offload-runtime/offload/firmware"
)

// attributes is the sysfs directory of a processor, with the errors of drivers/remoteproc/remoteproc_sysfs.c.
type attributes struct{ p *Processor }

var _ firmware.Attributes = attributes{}

func (a attributes) errno(op, name string, e syscall.Errno) error {
	return fmt.Errorf("%s %s/%s: %w", op, a.p.cfg.Kernel, name, e)
}

// ReadAttr implements firmware.Attributes.
func (a attributes) ReadAttr(name string) (string, error) {
	p := a.p
	p.mu.Lock()
	defer p.mu.Unlock()
	switch name {
	case "state":
		return string(p.state), nil
	case "firmware":
		return p.firmware, nil
	case "name":
		return p.cfg.Kernel, nil
	case "recovery":
		return p.recovery, nil
	case "coredump":
		return p.coredump, nil
	}
	return "", a.errno("read", name, syscall.ENOENT)
}

// WriteAttr implements firmware.Attributes.
func (a attributes) WriteAttr(name, value string) error {
	p := a.p
	value, _, _ = strings.Cut(value, "\n")
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.board.isClosed() {
		return a.errno("write", name, syscall.ENODEV)
	}
	switch name {
	case "state":
		return a.state(value)
	case "firmware":
		switch {
		case p.state != firmware.StateOffline:
			return a.errno("write", name, syscall.EBUSY)
		case value == "":
			return a.errno("write", name, syscall.EINVAL)
		}
		p.firmware = value
		return nil
	case "recovery":
		switch value {
		case "enabled":
			p.recovery = value
			p.recoverLocked()
		case "disabled":
			p.recovery = value
		case "recover":
			p.recoverLocked()
		default:
			return a.errno("write", name, syscall.EINVAL)
		}
		return nil
	case "coredump":
		switch {
		case p.state == firmware.StateCrashed:
			return a.errno("write", name, syscall.EBUSY)
		case value != "disabled" && value != "enabled" && value != "inline":
			return a.errno("write", name, syscall.EINVAL)
		}
		p.coredump = value
		return nil
	case "name":
		return a.errno("write", name, syscall.EACCES)
	}
	return a.errno("write", name, syscall.ENOENT)
}

// state is state_store. The kernel counts starts: one for a processor that is up does nothing else, and a stop counts
// down (rproc_boot, rproc_shutdown).
func (a attributes) state(value string) error {
	p := a.p
	switch value {
	case "start":
		if p.state != firmware.StateOffline {
			p.power++
			return nil
		}
		if err := p.bootLocked(); err != nil {
			return fmt.Errorf("write %s/state: %w", p.cfg.Kernel, err)
		}
		p.power = 1
		return nil
	case "stop":
		if p.state == firmware.StateOffline {
			return a.errno("write", "state", syscall.EINVAL)
		}
		if p.power--; p.power <= 0 {
			p.offLocked()
		}
		return nil
	}
	return a.errno("write", "state", syscall.EINVAL)
}
