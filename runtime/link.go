// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/offload-runtime/offload/internal/wire"
	"github.com/offload-runtime/offload/rpmsg"
)

// The id of a request is the number of its slot and, above, how often the slot was used.
const (
	slotBits   = 6
	maxWindow  = 1 << slotBits
	slotMask   = maxWindow - 1
	methodPage = 1024 // names of a remote's table that are believed
)

// link is one generation of a session: an endpoint with the requests that are open on it. It ends with its endpoint and is
// never revived.
type link struct {
	s          *Session
	conn       rpmsg.Conn
	generation uint32
	remote     RemoteInfo
	names      map[string]uint32 // method name → number on the wire
	mtu        int
	features   uint64

	free    chan uint8 // slots that may be taken: the window
	control chan uint8 // the slot that is kept for the protocol itself
	wide    atomic.Bool
	slots   [maxWindow]slot

	heard atomic.Int64 // when the last message came, in nanoseconds since the session began

	dead chan struct{} // closed by fail
	mu   sync.Mutex
	err  error // why it is dead
}

type slot struct {
	mu   sync.Mutex
	uses uint32
	call *call // nil: free, or its answer has come

	method string // of the newest call
	sent   time.Time
}

// newLink starts the receiver. Until hello has been answered one request may be open.
func newLink(s *Session, conn rpmsg.Conn, generation uint32) *link {
	l := &link{s: s, conn: conn, generation: generation, mtu: conn.MTU(), dead: make(chan struct{}),
		free: make(chan uint8, maxWindow), control: make(chan uint8, 1)}
	l.free <- 0
	s.receivers.Add(1)
	go func() {
		defer s.receivers.Done()
		l.receive()
	}()
	return l
}

// controlSlot is kept for requests of the protocol itself, so that they do not wait behind the application's, wherever the
// window has room for that.
const controlSlot = 0

// widen opens the window that the remote granted. Slot 0 has been open since hello.
func (l *link) widen(window int) {
	for i := 1; i < min(window, maxWindow); i++ {
		l.free <- uint8(i)
	}
	if window > 1 {
		<-l.free // slot 0, which hello has given back
		l.control <- controlSlot
	}
	l.wide.Store(window > 1)
}

// take waits for a free slot. Requests of the protocol take another one where theirs is taken: its answer may never come.
func (l *link) take(ctx context.Context, method string) (uint8, error) {
	var control chan uint8
	if n, known := l.names[method]; known && n < wire.FirstTableSlot && l.wide.Load() {
		control = l.control
	}
	select {
	case i := <-control:
		return i, nil
	default:
	}
	select {
	case i := <-l.free:
		return i, nil
	default:
	}
	select {
	case i := <-control:
		return i, nil
	case i := <-l.free:
		return i, nil
	case <-ctx.Done():
		return 0, fmt.Errorf("waiting for one of the open requests to end: %w", ctx.Err())
	case <-l.dead:
		return 0, l.err
	}
}

// tryTake takes a free slot if there is one.
func (l *link) tryTake() (uint8, bool) {
	select {
	case i := <-l.free:
		return i, true
	default:
		return 0, false
	}
}

// give makes a slot free.
func (l *link) give(i uint8) {
	if i == controlSlot && l.wide.Load() {
		l.control <- i
		return
	}
	l.free <- i
}

// put enters a call into its slot and returns its id.
func (l *link) put(i uint8, c *call) (id uint32, err error) {
	s := &l.slots[i]
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-l.dead:
		return 0, l.err
	default:
	}
	s.uses++
	s.call = c
	s.method, s.sent = c.method, time.Now()
	return s.uses<<slotBits | uint32(i), nil
}

// withdraw takes a call out of its slot if its answer has not come.
func (l *link) withdraw(i uint8, c *call) bool {
	s := &l.slots[i]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.call != c {
		return false
	}
	s.call = nil
	return true
}

// receive takes messages until the endpoint dies.
func (l *link) receive() {
	buf := make([]byte, l.conn.MTU())
	for {
		n, err := l.conn.Recv(context.Background(), buf)
		if err != nil {
			l.fail("the endpoint ended", err)
			return
		}
		l.s.rt.stats.received.Add(uint64(n))
		l.heard.Store(int64(time.Since(l.s.began)))
		for p := buf[:n]; len(p) > 0; {
			m, rest, err := wire.Parse(p)
			if err != nil {
				l.malformed(&m, err)
				break
			}
			l.dispatch(&m)
			p = rest
		}
	}
}

func (l *link) dispatch(m *wire.Message) {
	switch m.Kind {
	case wire.Response:
		raw, _ := m.Result.Raw()
		l.answer(m.ID, m, raw, nil)
	case wire.Notification:
		l.s.rt.stats.notifications.Add(1)
		l.s.notified(m)
	default:
		l.s.rt.stats.malformed.Add(1)
	}
}

func (l *link) malformed(m *wire.Message, err error) {
	l.s.rt.stats.malformed.Add(1)
	if m.HasID && m.Kind == wire.Response {
		l.answer(m.ID, m, nil, fmt.Errorf("%w: %w", ErrProtocol, err))
	}
}

// answer ends the call with that id.
func (l *link) answer(id uint32, m *wire.Message, raw []byte, err error) {
	i := uint8(id & slotMask)
	s := &l.slots[i]
	s.mu.Lock()
	c := s.call
	if c == nil || s.uses<<slotBits != id&^uint32(slotMask) {
		s.mu.Unlock()
		l.s.rt.stats.unmatched.Add(1)
		return
	}
	s.call = nil
	abandoned := c.abandoned
	s.mu.Unlock()
	if abandoned {
		l.s.rt.stats.late.Add(1)
		l.s.report(c.release())
		l.give(i)
		return
	}
	c.rx = append(c.rx[:0], raw...)
	c.code, c.err = m.Code, err
	c.text = append(c.text[:0], m.Text...)
	l.give(i)
	c.done <- struct{}{}
}

// abandon leaves a call to the receiver. It returns false when the answer has come meanwhile.
func (l *link) abandon(i uint8, c *call) bool {
	s := &l.slots[i]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.call != c {
		return false
	}
	c.abandoned = true
	return true
}

// fail ends the link: every open call fails, its buffers wait for proof that the processor stands still.
func (l *link) fail(reason string, cause error) {
	l.mu.Lock()
	if l.err != nil {
		l.mu.Unlock()
		return
	}
	l.err = l.s.deathError(l, reason, cause)
	close(l.dead)
	l.mu.Unlock()
	if e, ok := l.err.(*CrashError); ok && e.Report != "" {
		l.s.helpers.Go(func() { l.s.finishReport(e.Report) })
	}

	for i := range l.slots {
		s := &l.slots[i]
		s.mu.Lock()
		c := s.call
		s.call = nil
		s.mu.Unlock()
		if c == nil {
			continue
		}
		if c.abandoned {
			l.s.report(l.s.proc.strand(l.generation, c))
			continue
		}
		l.s.rt.stats.crashed.Add(1)
		c.err, c.crashed = l.err, true
		c.done <- struct{}{}
	}
	l.s.down(l)
}

// alive tells whether the link can carry calls.
func (l *link) alive() bool {
	select {
	case <-l.dead:
		return false
	default:
		return true
	}
}

// close ends the link without a crash.
func (l *link) close() error {
	l.fail("the session was closed", os.ErrClosed)
	return l.conn.Close()
}
