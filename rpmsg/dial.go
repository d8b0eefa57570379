// SPDX-License-Identifier: Apache-2.0

package rpmsg

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/offload-runtime/offload/internal/sys"
	"github.com/offload-runtime/offload/internal/uapi"
)

// DialConfig says which service to open.
type DialConfig struct {
	Processor string        // remoteprocN; empty for any
	Service   string        // name that the firmware announces
	Wait      time.Duration // for the announcement; 0 not at all
	// Own makes an endpoint with an address of its own even if the channel has a node, which has a single opener. The
	// firmware must answer to the address a message came from.
	Own bool
}

const (
	// chrdev is the driver that gives a channel a node.
	chrdev = "rpmsg_chrdev"
	// nodeWait bounds the time from sysfs entry to node, and permWait that from node to its permissions: devtmpfs and udev
	// work on their own time.
	nodeWait = 5 * time.Second
	permWait = 500 * time.Millisecond
	minPoll  = time.Millisecond
	maxPoll  = 20 * time.Millisecond
)

// Dial opens the endpoint of a service, found by name: node numbers change with every restart. In order, it opens the
// node that the channel has, binds the channel to rpmsg_chrdev to get one, or makes an endpoint with the control device;
// the last is destroyed again by Close.
//
// A service or processor that is not there is fs.ErrNotExist, a node that somebody holds open EBUSY.
func (b Bus) Dial(ctx context.Context, c DialConfig) (*Endpoint, error) {
	e, err := b.dial(ctx, c)
	if err != nil {
		where := ""
		if c.Processor != "" {
			where = " on " + c.Processor
		}
		return nil, fmt.Errorf("dialing service %q%s: %w", c.Service, where, err)
	}
	return e, nil
}

func (b Bus) dial(ctx context.Context, c DialConfig) (*Endpoint, error) {
	if c.Service == "" {
		return nil, fmt.Errorf("no service named: %w", os.ErrInvalid)
	}
	ch, err := b.findChannel(ctx, c)
	if err != nil {
		return nil, err
	}
	if c.Own {
		return b.create(ctx, ch)
	}
	if ch.Node != "" {
		return b.openNode(ctx, ch.Node, ch.path)
	}
	if ch.Driver == "" || ch.Driver == chrdev {
		node, err := b.bind(ctx, ch)
		if err == nil {
			return b.openNode(ctx, node, ch.path)
		}
		if ctx.Err() != nil {
			return nil, err
		}
		// No right to bind, or no such driver: the control device may do.
		e, cerr := b.create(ctx, ch)
		if cerr != nil {
			return nil, errors.Join(err, cerr)
		}
		return e, nil
	}
	return b.create(ctx, ch)
}

// findChannel waits for the announcement.
func (b Bus) findChannel(ctx context.Context, c DialConfig) (Channel, error) {
	var found Channel
	var seen []string
	err := poll(ctx, c.Wait, func() (bool, error) {
		list, err := b.Channels()
		if err != nil {
			return false, err
		}
		seen = seen[:0]
		for _, ch := range list {
			if c.Processor != "" && ch.Processor != c.Processor {
				continue
			}
			if ch.Name == c.Service {
				found = ch
				return true, nil
			}
			seen = append(seen, ch.Name)
		}
		return false, nil
	})
	if errors.Is(err, errPollTimeout) {
		available := "none"
		if len(seen) > 0 {
			available = strings.Join(seen, ", ")
		}
		err = fmt.Errorf("no such channel after %v, available: %s: %w", c.Wait, available, fs.ErrNotExist)
	}
	return found, err
}

// bind gives the channel to rpmsg_chrdev, unless it is bound already, and returns the node that it then has.
func (b Bus) bind(ctx context.Context, ch Channel) (string, error) {
	if ch.Driver == "" {
		bus := b.sys("bus/rpmsg")
		if err := bus.WriteAttr("devices/"+ch.Device+"/driver_override", chrdev); err != nil {
			return "", fmt.Errorf("binding %s: %w", ch.Device, err)
		}
		// EBUSY: another process, or the kernel itself for rpmsg-raw, was faster, which is as good.
		err := bus.WriteAttr("drivers/"+chrdev+"/bind", ch.Device)
		if err != nil && !errors.Is(err, syscall.EBUSY) {
			return "", fmt.Errorf("binding %s: %w", ch.Device, err)
		}
	}
	var node string
	err := poll(ctx, nodeWait, func() (bool, error) {
		now, err := readChannel(b.sys("bus/rpmsg/devices"), ch.Device)
		node = now.Node
		return node != "", err
	})
	if err != nil {
		return "", fmt.Errorf("binding %s: waiting for its node: %w", ch.Device, err)
	}
	return node, nil
}

// create makes an endpoint to the channel's address with the control device of the same virtio device.
func (b Bus) create(ctx context.Context, ch Channel) (*Endpoint, error) {
	ctrl, err := b.control(ch)
	if err != nil {
		return nil, err
	}
	// CREATE_EPT does not tell the number of the node it makes. It is found by a name nobody else has.
	name := fmt.Sprintf("offload-%d-%.8s", os.Getpid(), rand.Text())
	if err := b.createEndpoint(ctrl.Node, name, ch.Dst); err != nil {
		return nil, err
	}
	var node Device
	err = poll(ctx, nodeWait, func() (bool, error) {
		list, err := b.Devices()
		if err != nil {
			return false, err
		}
		for _, d := range list {
			if d.Name == name {
				node = d
				return true, nil
			}
		}
		return false, nil
	})
	if err != nil {
		return nil, fmt.Errorf("endpoint %s of %s: waiting for its node: %w", name, ctrl.Node, err)
	}
	e, err := b.openNode(ctx, node.Node, node.path)
	if err != nil {
		return nil, err
	}
	e.destroy = true
	return e, nil
}

func (b Bus) createEndpoint(ctrl, name string, dst uint32) error {
	f, err := sys.Open(b.dev(ctrl), os.O_RDWR)
	if err != nil {
		return fmt.Errorf("making an endpoint: %w", err)
	}
	info := uapi.RpmsgEndpointInfo{Src: AddrAny, Dst: dst}
	copy(info.Name[:len(info.Name)-1], name)
	if _, err := sys.Ioctl(f, uapi.RpmsgCreateEpt, &info); err != nil {
		return errors.Join(fmt.Errorf("making an endpoint with %s: %w", b.dev(ctrl), err), f.Close())
	}
	return f.Close()
}

// control finds the control device beside the channel: below the same virtio device.
func (b Bus) control(ch Channel) (Device, error) {
	list, err := b.Devices()
	if err != nil {
		return Device{}, err
	}
	transport := filepath.Dir(ch.path) + "/"
	for _, d := range list {
		if d.Control() && strings.HasPrefix(d.path, transport) {
			return d, nil
		}
	}
	return Device{}, fmt.Errorf("no control device beside %s (is CONFIG_RPMSG_CTRL set?): %w", ch.Device, fs.ErrNotExist)
}

// openNode opens a node that may not be there yet, or not have its permissions yet. It stops waiting when the device
// itself has left sysfs.
func (b Bus) openNode(ctx context.Context, node, device string) (*Endpoint, error) {
	var e *Endpoint
	var last error
	begin := time.Now()
	err := poll(ctx, nodeWait, func() (bool, error) {
		var err error
		if e, err = Open(b.dev(node)); err == nil {
			return true, nil
		}
		last = err
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case errors.Is(err, fs.ErrPermission) && time.Since(begin) < permWait:
		default:
			return false, err
		}
		if _, serr := os.Stat(device); serr != nil {
			return false, fmt.Errorf("%w: %w", ErrPeerGone, err)
		}
		return false, nil
	})
	if err != nil && last != nil && !errors.Is(err, last) {
		err = fmt.Errorf("%w: %w", last, err)
	}
	return e, err
}

var errPollTimeout = errors.New("timed out")

// poll calls ready until it reports true or an error, ctx ends or wait is over: sysfs and devtmpfs have no events that a
// plain process could wait for.
func poll(ctx context.Context, wait time.Duration, ready func() (bool, error)) error {
	deadline := time.Now().Add(wait)
	for pause := minPoll; ; pause = min(2*pause, maxPoll) {
		if err := ctx.Err(); err != nil {
			return err
		}
		ok, err := ready()
		if ok || err != nil {
			return err
		}
		left := time.Until(deadline)
		if left <= 0 {
			return errPollTimeout
		}
		timer := time.NewTimer(min(pause, left))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}
