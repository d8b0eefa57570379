// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/offload-runtime/offload/internal/wire"
)

// session is what the processor knows of one endpoint of the host.
type session struct {
	greeted  bool // the dispatcher's own
	mtu      atomic.Int64
	features atomic.Uint64

	mu    sync.Mutex
	tasks map[uint32]*Call
}

func (s *session) wants(f uint64) bool { return s.features.Load()&f != 0 }

func (s *session) cancel(id uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if id <= 1<<32-1 {
		if c := s.tasks[uint32(id)]; c != nil {
			c.cancel(context.Canceled)
		}
	}
}

// add enters a task, unless its id is open or the window is full.
func (s *session) add(c *Call, limit int) (duplicate, full bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.tasks[c.id] != nil:
		return true, false
	case len(s.tasks) >= limit:
		return false, true
	}
	if s.tasks == nil {
		s.tasks = map[uint32]*Call{}
	}
	s.tasks[c.id] = c
	return false, false
}

// remove reports whether the task is still one of the session: a new hello forgets what was open.
func (s *session) remove(c *Call) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tasks[c.id] != c {
		return false
	}
	delete(s.tasks, c.id)
	return true
}

func (s *session) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.tasks {
		c.cancel(context.Canceled)
	}
	clear(s.tasks)
}

func (r *run) features() uint64 {
	f := wire.FeatureDeadline | wire.FeatureCancel | wire.FeatureBatch | wire.FeatureLog
	if r.p.cfg.Beat > 0 {
		f |= wire.FeatureBeat
	}
	return f
}

// request runs a method and answers. raw is the whole message.
func (r *run) request(s *slot, raw []byte, m *wire.Message) {
	r.calls.Add(1)
	c := &r.call
	i := r.mux.find(m.Method)
	number, protocol := uint32(0), false
	name := ""
	if i >= 0 {
		name = r.mux.methods[i].name
	} else if number, protocol = protocolMethod(m.Method); protocol {
		name = protocolName(number)
	}
	c.begin(s.conn, m.ID, name)
	c.params = m.Params
	if m.Timeout > 0 {
		c.deadline = s.at.Add(m.Timeout)
	}
	var fault FaultKind
	if r.p.board.faults.active.Load() {
		fault = r.beforeCall(name)
	}
	switch {
	case i < 0 && !protocol:
		c.fail(wire.CodeUnknownMethod, "unknown method "+m.Method.String())
	case !s.conn.session.greeted && !(protocol && number == wire.MethodHello):
		c.fail(wire.CodeBadArguments, "hello must come first")
	case m.Timeout > 0 && time.Now().After(c.deadline):
		c.fail(wire.CodeLate, "the time was over before the work began")
	case protocol:
		c.finish(r.protocol(c, number))
	case r.mux.methods[i].task:
		r.spawn(c, raw, &r.mux.methods[i], fault)
		return
	default:
		r.current.Store(&r.mux.methods[i].name)
		c.finish(r.mux.methods[i].run(c))
		r.current.Store(nil)
	}
	c.close()
	c.send()
	end := time.Now()
	if s.at.After(r.idle) {
		r.idle = s.at
	}
	r.busy.Add(int64(end.Sub(r.idle)))
	r.idle = end
	if fault == CrashAfter || c.crash != "" {
		panic(exception(r.crashAfter(c)))
	}
}

// spawn runs a method beside the dispatcher.
func (r *run) spawn(from *Call, raw []byte, f *method, fault FaultKind) {
	t := &Call{}
	t.reset(r)
	t.begin(from.conn, from.id, f.name)
	t.deadline = from.deadline
	// The buffer of the message is given back before the task is done.
	m, _, err := wire.Parse(bytes.Clone(raw))
	if err != nil {
		panic(err) // it was accepted a moment ago
	}
	t.params = m.Params
	t.openContext()
	switch duplicate, full := t.conn.session.add(t, r.p.cfg.Requests); {
	case duplicate:
		r.dropped.Add(1)
		t.close()
		return
	case full:
		t.fail(wire.CodeBusy, "too many requests are open")
		t.close()
		t.send()
		return
	}
	r.tasks.Add(1)
	r.p.board.work.Add(1)
	go func() {
		defer r.p.board.work.Done()
		defer r.tasks.Add(-1)
		ok := false
		defer func() {
			t.close()
			known := t.conn.session.remove(t)
			switch {
			case !ok:
				r.stopped(recover())
			case known && r.ctx.Err() == nil:
				t.send()
				if fault == CrashAfter || t.crash != "" {
					r.p.crashed(r, r.crashAfter(t))
				}
			}
		}()
		t.finish(f.run(t))
		ok = true
	}()
}

// protocol runs a method of the protocol itself.
func (r *run) protocol(c *Call, number uint32) error {
	switch number {
	case wire.MethodHello:
		return r.hello(c)
	case wire.MethodMethods:
		return r.methods(c)
	case wire.MethodPing:
		v, err := c.params.Raw()
		if err != nil {
			return c.badArgument(err)
		}
		if err := c.End(); err != nil {
			return err
		}
		if len(v) > maxPing {
			return &Error{Code: CodeTooLarge, Text: "ping takes a value of at most 64 bytes"}
		}
		return c.ResultRaw(v)
	case wire.MethodStats:
		if err := c.End(); err != nil {
			return err
		}
		return c.resultUints(uint64(r.calls.Load()), uint64(r.errors.Load()), uint64(r.dropped.Load()),
			uint64(time.Duration(r.busy.Load()).Microseconds()), r.clock())
	case wire.MethodClock:
		if err := c.End(); err != nil {
			return err
		}
		return c.ResultUint(r.clock())
	}
	return &Error{Code: CodeUnknownMethod, Text: "unknown method " + protocolName(number)}
}

const maxPing = 64

func (r *run) clock() uint64 { return uint64(time.Since(r.began).Microseconds()) }

// hello begins a session: what was open before is forgotten.
func (r *run) hello(c *Call) error {
	version, hostMTU, _, _, features, _ := c.Uint(), c.Uint(), c.Uint(), c.Uint(), c.Uint(), c.Uint()
	if c.err != nil {
		return c.err
	}
	if version < wire.Version {
		return &Error{Code: CodeVersion, Text: fmt.Sprintf("version %d is not known, this is %d", version, wire.Version)}
	}
	if hostMTU < minMTU {
		return &Error{Code: CodeBadArguments, Text: fmt.Sprintf("an MTU of %d is less than %d", hostMTU, minMTU)}
	}
	s := &c.conn.session
	s.forget()
	s.greeted = true
	s.mtu.Store(int64(min(hostMTU, mtu)))
	s.features.Store(features & r.features())
	b := wire.AppendArray(wire.AppendResponse(c.buf[:0], c.id), 9)
	for _, v := range [...]uint64{wire.Version, mtu, uint64(r.p.cfg.Requests), uint64(r.p.cfg.CacheLine),
		uint64(r.p.windows.AddressBits()), r.features(), r.clock(), uint64(len(r.mux.methods))} {
		b = wire.AppendUint(b, v)
	}
	c.reply = wire.AppendStr(b, r.name)
	return nil
}

// minMTU holds every answer of the protocol itself.
const minMTU = 128

// methods lists the names of the table from a place on, as many as fit.
func (r *run) methods(c *Call) error {
	first := c.Uint()
	if err := c.End(); err != nil {
		return err
	}
	all := r.mux.methods
	if first > uint64(len(all)) {
		return &Error{Code: CodeBadArguments, Text: fmt.Sprintf("method %d of %d", first, len(all))}
	}
	const headBytes = 2 + 5 + 1 + 1 + 5 + 3 // response, id, nil, array, total, array
	room, n := c.mtu()-headBytes, 0
	for _, m := range all[first:] {
		if room -= 2 + len(m.name); room < 0 {
			break
		}
		n++
	}
	b := wire.AppendArray(wire.AppendResponse(c.buf[:0], c.id), 2)
	b = wire.AppendArray(wire.AppendUint(b, uint64(len(all))), n)
	for _, m := range all[first : first+uint64(n)] {
		b = wire.AppendStr(b, m.name)
	}
	c.reply = b
	return nil
}
