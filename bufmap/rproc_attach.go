// SPDX-License-Identifier: Apache-2.0

package bufmap

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/offload-runtime/offload/dmabuf"
	"github.com/offload-runtime/offload/internal/sys"
	"github.com/offload-runtime/offload/internal/uapi"
)

// RprocAttach is RPROC_IOC_DMA_BUF_ATTACH: /dev/remoteprocN of TI's kernels since 6.6, or /dev/offload/remoteprocN of
// this project's module. The address is the bus address that the processor's device uses, and the attachment lasts until it
// is closed or the processor is stopped.
//
// A kernel that looks alike gives an address and keeps no attachment, so that SYNC does nothing. Results say so: their
// Attachment is nil.
type RprocAttach struct {
	path  string
	fd    *sys.FD // keeps the node's driver loaded
	ask   attachFunc
	count func(*dmabuf.Buffer) (int, error) // references to the buffer's file

	mu     sync.Mutex
	tested bool
	lasts  bool // attachments outlive the ioctl
}

// OpenRprocAttach opens the node at path and probes it. The error wraps errors.ErrUnsupported where the node is one that
// does not know the ioctl, as on mainline, and fs.ErrNotExist where there is none. An empty proc means /proc.
func OpenRprocAttach(path, proc string) (*RprocAttach, error) {
	if proc == "" {
		proc = "/proc"
	}
	fd, err := sys.Open(path, os.O_RDONLY)
	if err != nil {
		return nil, fmt.Errorf("addresses by rproc attach: %w", err)
	}
	if err := probe(fd, askRproc); err != nil {
		return nil, errors.Join(fmt.Errorf("addresses by rproc attach: %w", err), fd.Close())
	}
	// With this flag, which any process can set for all, closing an attachment would stop the processor
	// (rproc_cdev_release). Nodes without the request have no such flag.
	var stops int32
	if _, err := sys.Ioctl(fd, uapi.RprocGetShutdownOnRelease, &stops); err == nil && stops != 0 {
		return nil, errors.Join(fmt.Errorf("addresses by rproc attach: %s: RPROC_SET_SHUTDOWN_ON_RELEASE is on: "+
			"closing an attachment would stop the processor; switch it off: %w", path, os.ErrPermission), fd.Close())
	}
	count := func(b *dmabuf.Buffer) (int, error) { return references(proc, b) }
	return &RprocAttach{path: path, fd: fd, ask: askRproc, count: count}, nil
}

// Name is the name of the node.
func (r *RprocAttach) Name() string { return r.path }

// Close closes the node. Attachments live on.
func (r *RprocAttach) Close() error { return r.fd.Close() }

// Translate attaches the buffer. Calls for one processor must not run at the same time (LCPD-38600 in TI's release notes),
// nor with the closing of attachments; a Target sees to that.
func (r *RprocAttach) Translate(b *dmabuf.Buffer) (Result, error) {
	lasts, err := r.test(b)
	if err != nil {
		return Result{}, err
	}
	p, fd, err := attach(r.path, b, r.ask)
	if err != nil {
		return Result{}, err
	}
	res := Result{Phys: p, Size: uint64(b.Size())} // the driver refuses what is not one range
	if lasts {
		res.Attachment = fd
		return res, nil
	}
	return res, fd.Close()
}

// test finds out with the first buffer whether attachments last: the buffer's file has one reference more while the node is
// open, and not afterwards. Others may take and drop references meanwhile, so that a count that fits neither is
// taken again; without an answer the attachments count as not lasting, which at worst refuses what would have worked.
func (r *RprocAttach) test(b *dmabuf.Buffer) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for range 5 {
		if r.tested {
			break
		}
		before, err := r.count(b)
		if err != nil {
			if _, e := b.FD(); e != nil {
				return false, e
			}
			r.tested = true // no /proc
			break
		}
		_, fd, err := attach(r.path, b, r.ask)
		if err != nil {
			return false, err
		}
		during, err1 := r.count(b)
		err2 := fd.Close()
		after, err3 := r.count(b)
		if err := errors.Join(err1, err2, err3); err != nil {
			return false, err
		}
		r.tested = before == after && (during == before || during == before+1)
		r.lasts = r.tested && during == before+1
	}
	return r.lasts, nil
}

func askRproc(fd *sys.FD, raw int) (PhysAddr, error) {
	// The padding stays zero: the look-alike refuses anything else.
	arg := uapi.TIRprocDMABufAttachData{FD: uint32(raw)}
	if _, err := sys.Ioctl(fd, uapi.TIRprocDMABufAttach, &arg); err != nil {
		return 0, err
	}
	return PhysAddr(arg.DA), nil
}
