// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"errors"
	"fmt"

	"github.com/offload-runtime/offload/internal/wire"
)

// Handler is a function of a processor. It takes its arguments from c, in their order, and leaves its result there. An
// error becomes the error response: an *Error with its code, a context's error as late or cancelled, any other as failed.
type Handler func(c *Call) error

// RawHandler answers messages of a service that does not speak the protocol.
type RawHandler func(r *Raw, msg []byte)

// Mux is a program: the functions of a processor by name. Everything is registered before the Mux is given to New. What is
// wrong with a registration is reported by New.
type Mux struct {
	methods []method
	index   map[string]int
	notes   map[string]Handler
	raw     []rawService
	started []func(t *Tracer)
	errs    []error
}

type method struct {
	name string
	run  Handler
	task bool
}

type rawService struct {
	name string
	run  RawHandler
}

// NewMux returns a program without functions. It has the service "rpmsg-raw", which sends back what it gets.
func NewMux() *Mux {
	m := &Mux{index: map[string]int{}, notes: map[string]Handler{}}
	m.HandleRaw("rpmsg-raw", func(r *Raw, msg []byte) { r.Send(msg) })
	return m
}

// HandleFunc registers a function. It runs on the processor's one core: while it does nothing else runs.
func (m *Mux) HandleFunc(name string, f Handler) { m.handle(name, f, false) }

// HandleTask registers a function that runs beside the others, as a task of its own that mostly waits. It is told by
// Call.Context when it is cancelled, late, or stopped.
func (m *Mux) HandleTask(name string, f Handler) { m.handle(name, f, true) }

func (m *Mux) handle(name string, f Handler, task bool) {
	_, twice := m.index[name]
	switch {
	case name == "" || len(name) > wire.MaxMethodName:
		m.errs = append(m.errs, fmt.Errorf("method %q: a name has 1 to %d bytes", name, wire.MaxMethodName))
	case twice:
		m.errs = append(m.errs, fmt.Errorf("method %q is registered twice", name))
	case f == nil:
		m.errs = append(m.errs, fmt.Errorf("method %q: no function", name))
	}
	m.index[name] = len(m.methods)
	m.methods = append(m.methods, method{name, f, task})
}

// HandleNotification registers a function for notifications of the host that carry name. It has no result.
func (m *Mux) HandleNotification(name string, f Handler) {
	if name == "" || len(name) > wire.MaxMethodName || f == nil {
		m.errs = append(m.errs, fmt.Errorf("notification %q: no function, or not 1 to %d bytes", name, wire.MaxMethodName))
	}
	m.notes[name] = f
}

// HandleRaw registers a service that is announced under that name and gets whole messages.
func (m *Mux) HandleRaw(service string, f RawHandler) {
	if service == "" || len(service) >= wire.MaxName || service == wire.Service || f == nil {
		m.errs = append(m.errs, fmt.Errorf("service %q: no function, or a name that cannot be announced", service))
	}
	for i := range m.raw {
		if m.raw[i].name == service {
			m.raw[i].run = f
			return
		}
	}
	m.raw = append(m.raw, rawService{service, f})
}

// HandleStart registers a function that runs when the firmware starts, before its services are announced.
func (m *Mux) HandleStart(f func(t *Tracer)) { m.started = append(m.started, f) }

// Methods returns the names of the functions in the order of the method table.
func (m *Mux) Methods() []string {
	names := make([]string, len(m.methods))
	for i := range m.methods {
		names[i] = m.methods[i].name
	}
	return names
}

func (m *Mux) check() error { return errors.Join(m.errs...) }

// find returns the place of a method in the table, or -1.
func (m *Mux) find(w wire.Method) int {
	if len(w.Name) > 0 {
		if i, ok := m.index[string(w.Name)]; ok {
			return i
		}
		return -1
	}
	if i := int64(w.Num) - wire.FirstTableSlot; i >= 0 && i < int64(len(m.methods)) {
		return int(i)
	}
	return -1
}

// protocolMethod returns the number of a method of the protocol itself.
func protocolMethod(w wire.Method) (uint32, bool) {
	if len(w.Name) == 0 {
		return w.Num, w.Num < wire.FirstTableSlot
	}
	switch string(w.Name) {
	case "hello":
		return wire.MethodHello, true
	case "methods":
		return wire.MethodMethods, true
	case "ping":
		return wire.MethodPing, true
	case "cancel":
		return wire.MethodCancel, true
	case "stats":
		return wire.MethodStats, true
	case "clock":
		return wire.MethodClock, true
	}
	return 0, false
}

func protocolName(n uint32) string {
	names := [...]string{"hello", "methods", "ping", "cancel", "stats", "clock", "log", "beat"}
	if n < uint32(len(names)) {
		return names[n]
	}
	return fmt.Sprintf("#%d", n)
}

// methodName names what a message is about, for faults.
func (m *Mux) methodName(w wire.Method) string {
	if i := m.find(w); i >= 0 {
		return m.methods[i].name
	}
	if n, ok := protocolMethod(w); ok {
		return protocolName(n)
	}
	return w.String()
}
