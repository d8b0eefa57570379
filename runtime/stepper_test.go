// SPDX-License-Identifier: Apache-2.0

package runtime_test

import (
	"context"
	"sync"

	"github.com/offload-runtime/offload/dmabuf"
	"github.com/offload-runtime/offload/rpmsg"
	"github.com/offload-runtime/offload/runtime"
	"github.com/offload-runtime/offload/sim"
)

// stepper is a simulated board on which something happens at one of the places where a runtime meets its board: an
// allocation, a new endpoint, a message to the processor or from it.
type stepper struct {
	*sim.Board
	crowd func() // ends what fills the ring

	mu   sync.Mutex
	left int
	do   func()
}

// arm has f happen once, at the step after so many.
func (b *stepper) arm(steps int, f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left, b.do = steps, f
}

func (b *stepper) step() {
	b.mu.Lock()
	var f func()
	if b.do != nil && b.left == 0 {
		f, b.do = b.do, nil
	}
	b.left--
	b.mu.Unlock()
	if f != nil {
		f()
	}
}

func (b *stepper) Alloc(ctx context.Context, heap string, size int64, label string) (*dmabuf.Buffer, error) {
	b.step()
	return b.Board.Alloc(ctx, heap, size, label)
}

func (b *stepper) Processors() ([]runtime.Processor, error) {
	list, err := b.Board.Processors()
	for i, p := range list {
		list[i] = stepProcessor{p, b}
	}
	return list, err
}

type stepProcessor struct {
	runtime.Processor
	b *stepper
}

func (p stepProcessor) Dial(ctx context.Context, service string) (rpmsg.Conn, error) {
	p.b.step()
	c, err := p.Processor.Dial(ctx, service)
	if err != nil {
		return nil, err
	}
	p.b.step()
	return stepConn{c, p.b}, nil
}

type stepConn struct {
	rpmsg.Conn
	b *stepper
}

func (c stepConn) Send(ctx context.Context, msg []byte) error {
	c.b.step()
	err := c.Conn.Send(ctx, msg)
	c.b.step()
	return err
}

func (c stepConn) Recv(ctx context.Context, buf []byte) (int, error) {
	n, err := c.Conn.Recv(ctx, buf)
	if err == nil {
		c.b.step()
	}
	return n, err
}
