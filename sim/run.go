// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/offload-runtime/offload/internal/wire"
)

// firstAddress is the first dynamic endpoint address (RPMSG_RESERVED_ADDRESSES).
const firstAddress = 1024

// run is one run of firmware, from start to stop or crash.
type run struct {
	p       *Processor
	mux     *Mux
	name    string
	ring    *ring
	trace   trace
	ctx     context.Context // ends with the run
	cancel  context.CancelCauseFunc
	dead    <-chan struct{} // of ctx
	began   time.Time
	hung    atomic.Bool            // interrupts are off
	current atomic.Pointer[string] // the function that runs on the core
	tasks   atomic.Int64
	left    atomic.Bool // the dispatcher has returned
	idle    time.Time   // when the core was last idle; the dispatcher's own

	calls, errors, dropped, busy atomic.Int64 // stats of the protocol

	call Call           // of functions that run on the core
	held [2]heldMessage // towards the processor, towards the host

	mu       sync.Mutex
	services []*service
	conns    map[*conn]struct{}
	local    uint32 // next address of a host endpoint
}

// service is a name that the firmware announced.
type service struct {
	name string
	addr uint32
	raw  RawHandler // nil: the protocol
}

func newRun(p *Processor, m *Mux) *run {
	r := &run{p: p, mux: m, ring: newRing(), conns: map[*conn]struct{}{}, local: firstAddress}
	r.ctx, r.cancel = context.WithCancelCause(context.Background())
	r.dead = r.ctx.Done()
	r.call.reset(r)
	return r
}

// start lets the firmware run.
func (r *run) start() {
	r.began = time.Now()
	b := r.p.board
	b.work.Add(1)
	go r.main()
	if r.p.cfg.Beat > 0 {
		b.work.Add(1)
		go r.beat()
	}
}

// end stops the core. Connections are left as they are.
func (r *run) end(reason error) {
	r.cancel(reason)
	r.ring.end()
}

// over says that nothing of the run is left.
func (r *run) over() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.left.Load() && r.tasks.Load() == 0 && len(r.conns) == 0
}

// hangUp destroys the endpoints.
func (r *run) hangUp(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.conns {
		c.kill(err)
	}
}

func (r *run) forget(c *conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, c)
}

func (r *run) openConns() (names []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.conns {
		names = append(names, "endpoint "+c.String())
	}
	return names
}

// dial makes an endpoint to a service, nil if it was not announced. The caller holds p.mu.
func (r *run) dial(name string) *conn {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.services {
		if s.name == name {
			c := newConn(r, s, r.local, r.p.board.devices.Add(1)-1)
			r.local++
			r.conns[c] = struct{}{}
			return c
		}
	}
	return nil
}

// announce is a message of the name service. Addresses go on from run to run, so that nobody gets away with a number from
// before a restart.
func (r *run) announce(name string, raw RawHandler) {
	p := r.p
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.run != r {
		return
	}
	r.mu.Lock()
	r.services = append(r.services, &service{name: name, addr: p.next, raw: raw})
	r.mu.Unlock()
	p.next++
	p.broadcastLocked()
}

// main is the firmware: one loop on one core.
func (r *run) main() {
	defer r.p.board.work.Done()
	defer r.left.Store(true)
	ok := r.guard("start", func() {
		t := &Tracer{r}
		t.Printf("%s: firmware %q started, %d functions", r.p.cfg.Name, r.name, len(r.mux.methods))
		for _, f := range r.mux.started {
			f(t)
		}
	})
	if !ok {
		return
	}
	r.announce(wire.Service, nil)
	for _, s := range r.mux.raw {
		r.announce(s.name, s.run)
	}
	for {
		s := r.ring.next(r.dead)
		if s == nil {
			return
		}
		if !r.serve(s) {
			return
		}
		r.ring.done()
	}
}

// serve handles one message. It reports false if the core stopped in it.
func (r *run) serve(s *slot) (ok bool) {
	defer func() {
		if !ok {
			r.call.close()
			r.stopped(recover())
		}
	}()
	if raw := s.conn.service.raw; raw != nil {
		raw(&s.conn.raw, s.data[:s.n])
	} else {
		r.receive(s)
	}
	return true
}

// guard runs f and reports whether it came to its end.
func (r *run) guard(name string, f func()) (ok bool) {
	r.current.Store(&name)
	defer func() {
		r.current.Store(nil)
		if !ok {
			r.stopped(recover())
		}
	}()
	f()
	return true
}

// exception is what a function panics with to stop its core, and halt what it panics with when the core was stopped.
type exception string
type halt struct{}

// stopped is what happens when a function did not return: v is nil after runtime.Goexit.
func (r *run) stopped(v any) {
	switch v := v.(type) {
	case halt:
	case exception:
		r.p.crashed(r, string(v))
	case nil:
		r.p.crashed(r, "exception: the function ended its goroutine")
	default:
		r.p.crashed(r, fmt.Sprintf("exception: %v", v))
	}
}

// receive takes a payload of the protocol apart.
func (r *run) receive(s *slot) {
	payload := s.data[:s.n]
	for len(payload) > 0 {
		m, rest, err := wire.Parse(payload)
		if err != nil {
			if m.HasID && m.Kind == wire.Request {
				r.errors.Add(1)
				r.call.begin(s.conn, m.ID, "")
				r.call.fail(wire.CodeBadArguments, err.Error())
				r.call.send()
			} else {
				r.dropped.Add(1)
			}
			return
		}
		r.message(s, payload[:len(payload)-len(rest)], &m)
		payload = rest
	}
}

func (r *run) message(s *slot, raw []byte, m *wire.Message) {
	switch m.Kind {
	case wire.Request:
		r.request(s, raw, m)
	case wire.Notification:
		r.notification(s, m)
	default:
		r.dropped.Add(1)
	}
}

func (r *run) notification(s *slot, m *wire.Message) {
	if n, ok := protocolMethod(m.Method); ok {
		id, err := m.Params.Uint()
		if n != wire.MethodCancel || err != nil {
			r.dropped.Add(1)
			return
		}
		s.conn.session.cancel(id)
		return
	}
	f := r.mux.notes[string(m.Method.Name)]
	if f == nil {
		r.dropped.Add(1)
		return
	}
	c := &r.call
	c.begin(s.conn, 0, m.Method.String())
	c.params = m.Params
	if err := f(c); err != nil {
		r.trace.printf("notification %v: %v", m.Method, err)
	}
	c.close()
}

// beat sends heartbeats to every session that asked for them.
func (r *run) beat() {
	defer r.p.board.work.Done()
	t := time.NewTicker(r.p.cfg.Beat)
	defer t.Stop()
	for n := uint64(1); ; n++ {
		select {
		case <-t.C:
		case <-r.dead:
			return
		}
		if r.hung.Load() {
			continue
		}
		r.mu.Lock()
		var list []*conn
		for c := range r.conns {
			if c.session.wants(wire.FeatureBeat) {
				list = append(list, c)
			}
		}
		r.mu.Unlock()
		b := wire.AppendNotification(nil, wire.Method{Num: wire.MethodBeat}, 3)
		b = wire.AppendUint(b, n)
		b = wire.AppendUint(b, uint64(time.Since(r.began).Microseconds()))
		b = wire.AppendUint(b, uint64(r.tasks.Load()))
		for _, c := range list {
			r.toHost(c, "beat", b)
		}
	}
}

// toHost sends a message to a host endpoint.
func (r *run) toHost(c *conn, method string, msg []byte) {
	if r.p.board.faults.active.Load() || r.held[1].full.Load() {
		r.replyDisturbed(c, method, msg)
		return
	}
	c.deliver(msg)
}

// Tracer writes to the trace buffer of a processor.
type Tracer struct{ run *run }

// Printf writes one line.
func (t *Tracer) Printf(format string, args ...any) { t.run.trace.printf(format, args...) }

// Raw is an endpoint of the host that talks to a service of its own protocol.
type Raw struct {
	Tracer
	conn *conn
}

// Send sends a message back, at any time while the run and the endpoint live. More than the MTU is cut.
func (r *Raw) Send(msg []byte) { r.run.toHost(r.conn, r.conn.service.name, msg[:min(len(msg), mtu)]) }
