// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/offload-runtime/offload/rpmsg"
)

// The transport of virtio rpmsg (drivers/rpmsg/virtio_rpmsg_bus.c): buffers of 512 bytes with a header of 16, as many as
// the vring has entries.
const (
	mtu      = 496
	ringSize = 256
)

// slot is one buffer towards the processor.
type slot struct {
	conn *conn
	at   time.Time // when it was sent
	n    int
	data [mtu]byte
}

// ring is what the host sends to one run of a processor. The dispatcher takes from it; a slot stays taken while its
// message is worked on.
type ring struct {
	wake chan struct{} // a token for the dispatcher
	room chan struct{} // a token for one sender that waits

	mu      sync.Mutex
	slots   [ringSize]slot
	head, n int
	asleep  bool // the dispatcher waits for wake
	waiting int  // senders that wait for room
	ended   bool
}

func newRing() *ring {
	return &ring{wake: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// push sends a message of c. It reports false if the run has ended.
func (r *ring) push(ctx context.Context, c *conn, msg []byte) (bool, error) {
	r.mu.Lock()
	for r.n == ringSize && !r.ended {
		r.waiting++
		r.mu.Unlock()
		var err error
		select {
		case <-r.room:
		case <-ctx.Done():
			err = fmt.Errorf("the ring of %d buffers is full: %w", ringSize, ctx.Err())
		case <-c.down:
			err = c.reason()
		}
		r.mu.Lock()
		r.waiting--
		if err != nil {
			r.passRoom()
			r.mu.Unlock()
			return false, err
		}
	}
	if r.ended {
		r.passRoom()
		r.mu.Unlock()
		return false, nil
	}
	r.putLocked(c, msg)
	r.passRoom()
	wake := r.asleep
	r.asleep = false
	r.mu.Unlock()
	if wake {
		signal(r.wake)
	}
	return true, nil
}

// tryPush is push without waiting; a full ring loses the message.
func (r *ring) tryPush(c *conn, msg []byte) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.n == ringSize || r.ended {
		return false
	}
	r.putLocked(c, msg)
	r.asleep = false
	signal(r.wake)
	return true
}

func (r *ring) putLocked(c *conn, msg []byte) {
	s := &r.slots[(r.head+r.n)%ringSize]
	s.conn, s.at, s.n = c, time.Now(), copy(s.data[:], msg)
	r.n++
}

// passRoom hands the token on while there is room and somebody who waits for it.
func (r *ring) passRoom() {
	if r.waiting > 0 && (r.n < ringSize || r.ended) {
		signal(r.room)
	}
}

// next returns the oldest message, nil when dead closes.
func (r *ring) next(dead <-chan struct{}) *slot {
	for {
		r.mu.Lock()
		if r.ended {
			r.mu.Unlock()
			return nil
		}
		if r.n > 0 {
			s := &r.slots[r.head]
			r.mu.Unlock()
			return s
		}
		r.asleep = true
		r.mu.Unlock()
		select {
		case <-r.wake:
		case <-dead:
			return nil
		}
	}
}

// done gives the slot that next returned back.
func (r *ring) done() {
	r.mu.Lock()
	r.slots[r.head].conn = nil
	r.head = (r.head + 1) % ringSize
	r.n--
	r.passRoom()
	r.mu.Unlock()
}

func (r *ring) end() {
	r.mu.Lock()
	r.ended = true
	r.passRoom()
	r.mu.Unlock()
}

// tooLong is the answer to a message that no buffer holds.
func tooLong(n int) error { return fmt.Errorf("%d bytes, the MTU is %d: %w", n, mtu, rpmsg.ErrTooLong) }
