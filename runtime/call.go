// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/offload-runtime/offload/bufmap"
	"github.com/offload-runtime/offload/internal/wire"
	"github.com/offload-runtime/offload/rpmsg"
)

// call is one request from the caller's side. It is used again for the next one, unless its caller left early.
type call struct {
	done   chan struct{} // one token when the receiver is through with it
	ticket uint64
	method string
	refs   []*Buffer // acquired
	spill  Args      // the arguments with long ones moved to buffers
	spills []*Buffer
	tx     []byte

	// Written by the receiver before done, while it has taken the call out of its slot.
	rx   []byte // the encoded result
	code wire.Code
	text []byte
	err  error

	crashed bool // the link died with the call open

	abandoned bool // the caller left; guarded by the slot
}

// envelope is the most that a request takes beside method name and arguments.
const envelope = 1 + 1 + 5 + 5 + 3 + 5

// cancelTime is how long the notification of an abandoned call may wait for room in the ring.
const cancelTime = 100 * time.Millisecond

// Call calls a method by name and waits for its answer, which it stores in what result points to (nil ignores it). It
// returns when ctx ends, whatever the remote does; the buffers among the arguments then stay with the remote until it
// answers or is restarted. While the processor is being restarted Call waits.
//
// Arguments are what Args.Add takes. Call may allocate to hold them; Invoke does not.
func (s *Session) Call(ctx context.Context, method string, result any, args ...any) error {
	c := s.getCall()
	a := s.getArgs()
	err := s.run(ctx, c, method, a.Add(args...), result)
	s.putArgs(a)
	s.putCall(c)
	return err
}

// Invoke is Call with prepared arguments. With a result type that needs no memory it allocates nothing.
func (s *Session) Invoke(ctx context.Context, method string, a *Args, result any) error {
	c := s.getCall()
	err := s.run(ctx, c, method, a, result)
	s.putCall(c)
	return err
}

// run makes one call, again if the link dies before the remote saw the request, and once again if the method may be
// repeated.
func (s *Session) run(ctx context.Context, c *call, method string, a *Args, result any) error {
	for repeated := false; ; repeated = true {
		l, i, id, err := s.send(ctx, c, method, a)
		if err != nil {
			return s.failed(method, err)
		}
		err = l.wait(ctx, c, i, id)
		if err == nil {
			return s.finish(c, method, result)
		}
		if repeated || !errors.Is(err, ErrCrashed) || s.cfg.Idempotent == nil || !s.cfg.Idempotent(method) {
			return s.failed(method, err)
		}
		s.down(l)
		s.rt.stats.repeated.Add(1)
	}
}

func (s *Session) failed(method string, err error) error {
	return fmt.Errorf("%s on %s: %w", method, s.proc.info.Name, err)
}

// send sends a request on the link of the moment, and waits for the next link if that one dies first.
func (s *Session) send(ctx context.Context, c *call, method string, a *Args) (l *link, i uint8, id uint32, err error) {
	if a.err != nil {
		return nil, 0, 0, a.err
	}
	if err := ctx.Err(); err != nil {
		return nil, 0, 0, err
	}
	for {
		if l, err = s.current(ctx); err != nil {
			return nil, 0, 0, err
		}
		if i, id, err = l.send(ctx, c, method, a); err == nil || l.alive() {
			return l, i, id, err
		}
		s.down(l)
	}
}

// finish turns the answer in c into the caller's result.
func (s *Session) finish(c *call, method string, result any) error {
	s.rt.stats.calls.Add(1)
	if c.code != 0 {
		return &RemoteError{Processor: s.proc.info.Name, Method: method, Code: uint32(c.code), Message: string(c.text)}
	}
	v := wire.NewValues(c.rx, 1)
	if err := decode(&v, result); err != nil {
		return s.failed(method, err)
	}
	return nil
}

// send sends the request. When it returns an error the remote has not seen it, and c holds no buffers any more.
func (l *link) send(ctx context.Context, c *call, method string, a *Args) (i uint8, id uint32, err error) {
	if i, err = l.take(ctx, method); err != nil {
		return 0, 0, err
	}
	if id, err = l.prepare(ctx, c, i, method, a); err != nil {
		return 0, 0, err
	}
	if err = l.conn.Send(ctx, c.tx); err != nil {
		return 0, 0, l.unsent(i, c, err)
	}
	l.s.rt.stats.sent.Add(uint64(len(c.tx)))
	return i, id, nil
}

// prepare enters a call into its slot, takes its buffers and encodes it. When it fails the slot is free again.
func (l *link) prepare(ctx context.Context, c *call, i uint8, method string, a *Args) (id uint32, err error) {
	c.method, c.ticket = method, l.s.rt.tickets.Add(1)
	if a, err = l.fit(ctx, c, method, a); err == nil {
		err = l.acquire(c, a)
	}
	if err == nil {
		id, err = l.put(i, c)
	}
	if err != nil {
		l.give(i)
		return 0, joined(err, c.release())
	}
	if err = l.encode(ctx, c, id, a); err != nil {
		return 0, l.unsent(i, c, err)
	}
	return id, nil
}

// unsent takes a call back that the remote has not seen.
func (l *link) unsent(i uint8, c *call, err error) error {
	switch {
	case errors.Is(err, bufmap.ErrStale):
		l.fail("the processor was restarted", err)
	case errors.Is(err, rpmsg.ErrPeerGone):
		l.fail("the endpoint ended", err)
	}
	if l.withdraw(i, c) {
		l.give(i)
		if !l.alive() { // it is being ended by others, who may have closed the endpoint already
			err = l.err
		}
		return joined(err, c.release())
	}
	<-c.done // the link died meanwhile
	return l.end(c)
}

// wait waits for the answer. When it returns no error the answer is in c. c holds no buffers of the caller any more.
func (l *link) wait(ctx context.Context, c *call, i uint8, id uint32) error {
	select {
	case <-c.done:
	case <-ctx.Done():
		if l.leave(i, id, c) {
			return fmt.Errorf("%w before the answer", ctx.Err())
		}
		<-c.done
	}
	return l.end(c)
}

// joined is errors.Join, which allocates its list even when there is one error and no other.
func joined(err, other error) error {
	if other == nil {
		return err
	}
	return errors.Join(err, other)
}

// end takes the buffers back from a call that the receiver is through with.
func (l *link) end(c *call) error {
	if c.crashed {
		return joined(c.err, l.s.proc.strand(l.generation, c))
	}
	return joined(c.err, c.release())
}

// fit moves byte strings into buffers until the arguments fit into a message.
func (l *link) fit(ctx context.Context, c *call, method string, a *Args) (*Args, error) {
	room := l.mtu - envelope - len(method)
	if a.size() <= room {
		return a, nil
	}
	c.spill.list = append(c.spill.list[:0], a.list...)
	for c.spill.size() > room {
		longest := -1
		for i, v := range c.spill.list {
			if v.kind == wire.TypeBin && len(v.bin) > wire.MaxRef && (longest < 0 || len(v.bin) > len(c.spill.list[longest].bin)) {
				longest = i
			}
		}
		if longest < 0 {
			return nil, fmt.Errorf("%w: about %d bytes, room for %d; pass long data as []byte or in a buffer", ErrTooLarge, c.spill.size(), room)
		}
		v := &c.spill.list[longest]
		b, err := l.s.rt.Alloc(ctx, AllocConfig{Size: int64(len(v.bin)), Name: method})
		if err != nil {
			return nil, err
		}
		c.spills = append(c.spills, b)
		if _, err := b.WriteAt(v.bin, 0); err != nil {
			return nil, err
		}
		*v = arg{kind: wire.TypeRef, ref: b.In()}
	}
	return &c.spill, nil
}

// acquire takes the buffers among the arguments for the call.
func (l *link) acquire(c *call, a *Args) error {
	for i := range a.list {
		v := &a.list[i]
		if v.kind != wire.TypeRef {
			continue
		}
		switch {
		case v.ref.Buffer == nil:
			return fmt.Errorf("argument %d: no buffer: %w", i, ErrBadArguments)
		case v.ref.Buffer.rt != l.s.rt:
			return fmt.Errorf("argument %d: %v: %w", i, v.ref.Buffer, ErrForeign)
		case v.ref.Dir == 0 || v.ref.Dir&^InOut != 0:
			return fmt.Errorf("argument %d: %v: %v: %w", i, v.ref.Buffer, v.ref.Dir, ErrBadArguments)
		}
		if err := v.ref.Buffer.acquire(c.ticket, l.s.proc, v.ref, c.method); err != nil {
			return fmt.Errorf("argument %d: %w", i, err)
		}
		c.refs = append(c.refs, v.ref.Buffer)
	}
	return nil
}

func (l *link) encode(ctx context.Context, c *call, id uint32, a *Args) error {
	m := wire.Method{}
	if n, ok := l.names[c.method]; ok {
		m.Num = n
	} else {
		return fmt.Errorf("%w; %s of %s has: %s", ErrUnknownMethod, l.remote.Name, l.s.proc.info.Name, l.remote.methodList())
	}
	deadline, timed := time.Time{}, false
	if l.features&wire.FeatureDeadline != 0 {
		deadline, timed = ctx.Deadline()
	}
	b := wire.AppendRequest(c.tx[:0], id, m, a.Len(), timed)
	b, err := a.append(b, l.s.proc, l.remote.AddressBits)
	if err != nil {
		return err
	}
	if timed {
		left := time.Until(deadline).Microseconds()
		if left <= 0 {
			return context.DeadlineExceeded
		}
		b = wire.AppendUint(b, uint64(min(left, math.MaxUint32)))
	}
	if c.tx = b; len(b) > l.mtu {
		return fmt.Errorf("%w: %d bytes, room for %d", ErrTooLarge, len(b), l.mtu)
	}
	return nil
}

// leave abandons a call whose context has ended. It returns false when the answer has come meanwhile.
func (l *link) leave(i uint8, id uint32, c *call) bool {
	for _, b := range c.refs {
		b.abandon(c.ticket)
	}
	if !l.abandon(i, c) {
		return false
	}
	l.s.rt.stats.abandoned.Add(1)
	if l.features&wire.FeatureCancel == 0 {
		return true
	}
	l.s.helpers.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), cancelTime)
		defer cancel()
		msg := wire.AppendUint(wire.AppendNotification(nil, wire.Method{Num: wire.MethodCancel}, 1), uint64(id))
		// Without the notification the remote ends the call in its own time.
		_ = l.conn.Send(ctx, msg)
	})
	return true
}

// release gives the buffers back to the CPU, after the remote has answered or has never seen them.
func (c *call) release() error {
	var errs []error
	for _, b := range c.refs {
		if err := b.release(c.ticket); err != nil {
			errs = append(errs, err)
		}
	}
	for _, b := range c.spills {
		if err := b.Close(); err != nil {
			errs = append(errs, err)
		}
	}
	c.forget()
	if errs == nil {
		return nil
	}
	return errors.Join(errs...)
}

// forget drops the references to buffers.
func (c *call) forget() {
	clear(c.refs)
	clear(c.spills)
	c.refs, c.spills = c.refs[:0], c.spills[:0]
	c.spill.Reset()
	c.crashed = false
}
