// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"context"
	"fmt"
	"os"
	"sync"

	"github.com/offload-runtime/offload/rpmsg"
)

// message is one message on its way to the host's reader.
type message struct {
	n    int
	data [mtu]byte
}

// conn is an endpoint of the host. Like the queue of rpmsg_char it takes whatever comes.
type conn struct {
	run     *run
	name    string // as /dev/rpmsgN
	service *service
	src     uint32
	dst     uint32
	down    chan struct{} // closed when err is set
	wake    chan struct{} // a token for one reader

	mu      sync.Mutex
	queue   []message // a ring; its length is a power of two
	head, n int
	waiting int
	err     error
	drained chan struct{} // closed when the queue is empty, if somebody asked

	raw     Raw     // for services of their own protocol
	session session // the remote's side
}

var _ rpmsg.Conn = (*conn)(nil)

func newConn(r *run, s *service, src, number uint32) *conn {
	c := &conn{
		run: r, name: fmt.Sprintf("rpmsg%d", number), service: s, src: src, dst: s.addr,
		down: make(chan struct{}), wake: make(chan struct{}, 1), queue: make([]message, 16),
	}
	c.raw = Raw{Tracer{r}, c}
	return c
}

// String names the endpoint as the kernel names a channel: service, source and destination address.
func (c *conn) String() string {
	return fmt.Sprintf("%s (%s.%s.%d.%d)", c.name, c.run.p.cfg.Name, c.service.name, c.src, c.dst)
}

// Addresses returns the local and the remote endpoint address.
func (c *conn) Addresses() (src, dst uint32) { return c.src, c.dst }

// MTU implements rpmsg.Conn.
func (c *conn) MTU() int { return mtu }

// Send implements rpmsg.Conn.
func (c *conn) Send(ctx context.Context, msg []byte) error {
	if len(msg) > mtu {
		return fmt.Errorf("%v: send: %w", c, tooLong(len(msg)))
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%v: send: %w", c, err)
	}
	select {
	case <-c.down:
		return fmt.Errorf("%v: send: %w", c, c.reason())
	default:
	}
	if c.run.p.board.faults.active.Load() || c.run.held[0].full.Load() {
		return c.run.sendDisturbed(ctx, c, msg)
	}
	return c.push(ctx, msg)
}

func (c *conn) push(ctx context.Context, msg []byte) error {
	ok, err := c.run.ring.push(ctx, c, msg)
	if err != nil {
		return fmt.Errorf("%v: send: %w", c, err)
	}
	if !ok {
		// The processor crashed and nobody recovers it: the kernel goes on filling the ring, and nobody reads it.
		select {
		case <-c.down:
			return fmt.Errorf("%v: send: %w", c, c.reason())
		default:
		}
		c.run.p.board.count.dropped.Add(1)
		return nil
	}
	c.run.p.board.count.toRemote.Add(1)
	return nil
}

// Recv implements rpmsg.Conn. Once the endpoint is gone queued messages are lost, as with rpmsg_char.
func (c *conn) Recv(ctx context.Context, buf []byte) (int, error) {
	c.mu.Lock()
	for c.n == 0 || c.err != nil {
		err := c.err
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			c.mu.Unlock()
			return 0, fmt.Errorf("%v: receive: %w", c, err)
		}
		c.waiting++
		c.mu.Unlock()
		if ctx.Done() == nil {
			select {
			case <-c.wake:
			case <-c.down:
			}
		} else {
			select {
			case <-c.wake:
			case <-c.down:
			case <-ctx.Done():
			}
		}
		c.mu.Lock()
		c.waiting--
	}
	m := &c.queue[c.head]
	size := m.n
	n := copy(buf, m.data[:size])
	c.head = (c.head + 1) & (len(c.queue) - 1)
	c.n--
	if c.n > 0 && c.waiting > 0 {
		signal(c.wake)
	}
	if c.n == 0 && c.drained != nil {
		close(c.drained)
		c.drained = nil
	}
	c.mu.Unlock()
	if n < size {
		return n, fmt.Errorf("%v: receive: %d bytes into %d: %w", c, size, n, rpmsg.ErrTruncated)
	}
	return n, nil
}

// deliver is a message from the processor.
func (c *conn) deliver(msg []byte) {
	count := &c.run.p.board.count
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		count.dropped.Add(1)
		return
	}
	if c.n == len(c.queue) {
		q := make([]message, 2*len(c.queue))
		copy(q[copy(q, c.queue[c.head:]):], c.queue[:c.head])
		c.queue, c.head = q, 0
	}
	m := &c.queue[(c.head+c.n)&(len(c.queue)-1)]
	m.n = copy(m.data[:], msg)
	c.n++
	wake := c.waiting > 0
	c.mu.Unlock()
	count.toHost.Add(1)
	if wake {
		signal(c.wake)
	}
}

// empty returns a channel that closes when the reader has taken everything.
func (c *conn) empty() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.drained == nil {
		c.drained = make(chan struct{})
	}
	d := c.drained
	if c.n == 0 || c.err != nil {
		close(c.drained)
		c.drained = nil
	}
	return d
}

// kill ends the connection with a reason. It reports whether it was alive.
func (c *conn) kill(err error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return false
	}
	c.err = err
	close(c.down)
	c.n = 0
	if c.drained != nil {
		close(c.drained)
		c.drained = nil
	}
	return true
}

func (c *conn) reason() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Close implements rpmsg.Conn.
func (c *conn) Close() error {
	c.run.forget(c)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		close(c.down)
	}
	c.err = os.ErrClosed
	c.n = 0
	if c.drained != nil {
		close(c.drained)
		c.drained = nil
	}
	return nil
}
