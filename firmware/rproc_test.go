// SPDX-License-Identifier: Apache-2.0

package firmware

import (
	"io/fs"
	"slices"
	"sync"
	"syscall"
)

// rproc answers as the remoteproc core of Linux 6.12 does (remoteproc_sysfs.c, rproc_boot, rproc_shutdown): with errnos,
// a power count, and writes that last as long as the driver takes.
type rproc struct {
	mu       sync.Mutex
	attrs    map[string]string
	power    int
	writes   []string
	bootErr  error         // of the driver's start
	stopErr  error         // of the driver's stop
	old      bool          // refuses to stop a crashed processor
	readOnly bool          // sysfs_read_only
	gone     bool          // driver unbound
	eintr    int           // so many writes are interrupted first
	block    chan struct{} // a write of state waits for it
}

func newRproc() *rproc {
	return &rproc{attrs: map[string]string{
		"state": "offline", "firmware": "fw.elf", "name": "64800000.dsp", "recovery": "enabled", "coredump": "disabled",
	}}
}

func (r *rproc) ReadAttr(name string) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v, ok := r.attrs[name]
	if !ok || r.gone {
		return "", &fs.PathError{Op: "open", Path: name, Err: syscall.ENOENT}
	}
	return v, nil
}

func (r *rproc) WriteAttr(name, value string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.writes = append(r.writes, name+"="+value)
	if _, ok := r.attrs[name]; !ok || r.gone {
		return &fs.PathError{Op: "open", Path: name, Err: syscall.ENOENT}
	}
	if r.readOnly {
		return &fs.PathError{Op: "open", Path: name, Err: syscall.EACCES}
	}
	if r.eintr > 0 {
		r.eintr--
		return syscall.EINTR
	}
	if block := r.block; block != nil && name == "state" {
		r.mu.Unlock()
		<-block
		r.mu.Lock()
	}
	if err := r.store(name, value); err != nil {
		return &fs.PathError{Op: "write", Path: name, Err: err}
	}
	return nil
}

func (r *rproc) store(name, value string) error {
	state := State(r.attrs["state"])
	switch name + "=" + value {
	case "state=start":
		r.power++
		switch {
		case r.power > 1:
		case r.bootErr != nil:
			r.power--
			return r.bootErr
		case state == StateDetached:
			r.attrs["state"], r.attrs["firmware"] = "attached", "unknown"
		default:
			r.attrs["state"] = "running"
		}
		return nil
	case "state=stop":
		if state != StateRunning && state != StateAttached && (state != StateCrashed || r.old) {
			return syscall.EINVAL
		}
		r.power--
		if r.power > 0 {
			return nil
		}
		if r.stopErr != nil {
			r.power++
			return r.stopErr
		}
		r.attrs["state"] = "offline"
		return nil
	case "state=detach":
		if state != StateAttached {
			return syscall.EINVAL
		}
		r.power--
		r.attrs["state"] = "detached"
		return nil
	case "recovery=enabled", "recovery=disabled", "recovery=recover":
		if value != "recover" {
			r.attrs["recovery"] = value
		}
		if value != "disabled" && state == StateCrashed {
			r.attrs["state"] = "running"
		}
		return nil
	case "coredump=disabled", "coredump=enabled", "coredump=inline":
		if state == StateCrashed {
			return syscall.EBUSY
		}
		r.attrs["coredump"] = value
		return nil
	}
	if name == "firmware" {
		if state != StateOffline {
			return syscall.EBUSY
		}
		r.attrs["firmware"] = value
		return nil
	}
	return syscall.EINVAL
}

func (r *rproc) set(state State) {
	r.mu.Lock()
	r.attrs["state"] = string(state)
	r.mu.Unlock()
}

func (r *rproc) log() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.writes)
}
