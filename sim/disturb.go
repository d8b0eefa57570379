// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/offload-runtime/offload/internal/wire"
)

// reorderFlush is when a message that waits for its successor goes on without one.
const reorderFlush = 10 * time.Millisecond

// heldMessage is a message that is to come after the next one of its direction.
type heldMessage struct {
	full atomic.Bool // also when no fault is armed any more

	mu      sync.Mutex
	deliver func()
	timer   *time.Timer
}

func (h *heldMessage) hold(f func()) {
	h.mu.Lock()
	before := h.swapLocked(f)
	h.full.Store(true)
	h.timer = time.AfterFunc(reorderFlush, h.release)
	h.mu.Unlock()
	if before != nil {
		before()
	}
}

func (h *heldMessage) release() {
	h.mu.Lock()
	f := h.swapLocked(nil)
	h.full.Store(false)
	h.mu.Unlock()
	if f != nil {
		f()
	}
}

// swapLocked puts f in the place of the message that is held, and returns that.
func (h *heldMessage) swapLocked(f func()) (before func()) {
	before, h.deliver = h.deliver, f
	if h.timer != nil {
		h.timer.Stop()
		h.timer = nil
	}
	return before
}

// sendDisturbed is conn.push while faults are armed.
func (r *run) sendDisturbed(ctx context.Context, c *conn, msg []byte) error {
	var err error
	first := true
	r.disturb(c, false, r.methodOf(c, msg), msg, func(m []byte, later bool) {
		if !later && first {
			first = false
			err = c.push(ctx, m)
			return
		}
		if r.ring.tryPush(c, m) {
			r.p.board.count.toRemote.Add(1)
		} else {
			r.p.board.count.dropped.Add(1)
		}
	})
	return err
}

// replyDisturbed is conn.deliver while faults are armed.
func (r *run) replyDisturbed(c *conn, method string, msg []byte) {
	r.disturb(c, true, method, msg, func(m []byte, _ bool) { c.deliver(m) })
}

// methodOf names what a message to the processor is about.
func (r *run) methodOf(c *conn, msg []byte) string {
	if c.service.raw != nil {
		return c.service.name
	}
	m, _, err := wire.Parse(msg)
	if err != nil || m.Kind == wire.Response {
		return ""
	}
	return r.mux.methodName(m.Method)
}

// disturb passes a message on, with what the armed faults do to it.
func (r *run) disturb(c *conn, toHost bool, method string, msg []byte, deliver func(m []byte, later bool)) {
	f := &r.p.board.faults
	held := &r.held[0]
	if toHost {
		held = &r.held[1]
	}
	hits, bit := f.roll(r.p.cfg.Name, toHost)
	if h, ok := f.takeMessage(r.p.cfg.Name, method, toHost); ok {
		hits, bit = append(hits, h), 0
		if h.Kind == Corrupt {
			bit = noMessage
		}
	}
	if len(hits) == 0 {
		deliver(msg, false)
		held.release()
		return
	}
	msg = append([]byte(nil), msg...)
	copies, reorder := 1, false
	var delay time.Duration
	for _, h := range hits {
		switch h.Kind {
		case Drop:
			r.p.board.count.dropped.Add(1)
			return
		case Duplicate:
			copies = 2
		case Reorder:
			reorder = true
		case Delay:
			delay = max(h.Delay, time.Nanosecond)
		case Truncate:
			msg = msg[:len(msg)/2]
		case UnknownID:
			msg = otherID(msg)
		case Corrupt:
			switch {
			case len(msg) == 0:
			case bit == noMessage:
				msg[0] = 0xc1
			default:
				at := bit % uint64(8*len(msg))
				msg[at/8] ^= 1 << (at % 8)
			}
		}
	}
	pass := func(later bool) {
		for range copies {
			deliver(msg, later)
		}
	}
	switch {
	case delay > 0:
		time.AfterFunc(delay, func() { pass(true) })
	case reorder:
		held.hold(func() { pass(true) })
	default:
		pass(false)
		held.release()
	}
}

// noMessage asks for the byte that MessagePack never uses instead of a wrong bit.
const noMessage = 1<<64 - 1

// otherID gives a response an id that is not open.
func otherID(msg []byte) []byte {
	m, _, err := wire.Parse(msg)
	if err != nil || m.Kind != wire.Response {
		return msg
	}
	rest := msg[2+len(wire.AppendUint(nil, uint64(m.ID))):]
	return append(wire.AppendUint(append([]byte(nil), msg[:2]...), uint64(m.ID^1<<31)), rest...)
}

// beforeCall carries out faults of the core itself, and returns the one that is due after the call.
func (r *run) beforeCall(method string) FaultKind {
	h, ok := r.p.board.faults.takeCall(r.p.cfg.Name, method)
	if !ok {
		return 0
	}
	switch h.Kind {
	case CrashBefore:
		panic(exception("exception: an injected crash before " + method))
	case Hang:
		r.call.Hang()
	case Stall:
		t := time.NewTimer(h.Delay)
		defer t.Stop()
		select {
		case <-t.C:
		case <-r.dead:
			panic(halt{})
		}
	}
	return h.Kind
}

// answerTaken is how long a crash after an answer waits for the host to take it: what is in the queue of an endpoint when
// it dies is lost.
const answerTaken = time.Second

func (r *run) crashAfter(c *Call) (reason string) {
	t := time.NewTimer(answerTaken)
	defer t.Stop()
	select {
	case <-c.conn.empty():
	case <-t.C:
	case <-r.dead:
	}
	if c.crash != "" {
		return c.crash
	}
	return "exception: an injected crash after " + c.method
}
